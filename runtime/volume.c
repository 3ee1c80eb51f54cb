/* SPDX-License-Identifier: MIT */
#include "runtime/volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/sock.h"
#include "base/strbuf.h"
#include "instance/name.h"
#include "runtime/import.h"
#include "runtime/meter.h"

/* No id begins with a dot. */
#define NEW_PREFIX ".new."
#define GONE_PREFIX ".gone."

static int open_top(const struct instance *inst, int *out_fd, struct error *err)
{
	_cleanup_free_ char *path = instance_lib(inst, "volumes");
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	*out_fd = fd;
	return 0;
}

/* The volume's folder; ERROR_NOT_FOUND when it is not there. */
static int open_volume(int top, const char *id, int *out_fd, struct error *err)
{
	struct error why = ERROR_INIT;
	int fd = file_open_beneath(top, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, true, &why);

	if (fd >= 0) {
		*out_fd = fd;
		return 0;
	}
	if (!file_exists(top, id))
		return error_set(err, ERROR_NOT_FOUND, 0, "volume '%s' has no files yet", id);
	return error_set(err, why.code, why.sys, "%s", why.message);
}

static bool is_same(int top, const char *id, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstatat(top, id, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Somebody else's lock is no failure of the system's. */
static int not_locked(struct error *err, const char *id, const char *state)
{
	bool busy = errno == EWOULDBLOCK;

	return error_set(err, busy ? ERROR_BUSY : ERROR_SYSTEM, busy ? 0 : errno, "volume '%s' %s",
			 id, state);
}

int volume_hold(const struct instance *inst, const char *id, int fd, struct error *err)
{
	_cleanup_close_ int top = -1;

	if (flock(fd, LOCK_SH | LOCK_NB) < 0)
		return not_locked(err, id, "is being restored or removed");
	if (open_top(inst, &top, err) < 0)
		return -1;
	return is_same(top, id, fd) ? 0 : 1;
}

/* Opens it and keeps containers away from it. */
static int take(int top, const char *id, int *out_fd, struct error *err)
{
	_cleanup_close_ int fd = -1;

	if (open_volume(top, id, &fd, err) < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return not_locked(err, id, "is in use by a process");
	if (!is_same(top, id, fd))
		return error_set(err, ERROR_BUSY, 0, "volume '%s' is being replaced", id);
	*out_fd = TAKE_FD(fd);
	return 0;
}

int volume_remove(const struct instance *inst, const char *id, struct error *err)
{
	_cleanup_close_ int top = -1, fd = -1;
	_cleanup_free_ char *gone = xasprintf(GONE_PREFIX "%s.%d", id, getpid());
	struct error why = ERROR_INIT;

	if (open_top(inst, &top, err) < 0)
		return -1;
	if (take(top, id, &fd, &why) < 0) {
		if (why.code == ERROR_NOT_FOUND)
			return 0;
		return error_set(err, why.code, why.sys, "%s", why.message);
	}
	/* at once: nobody sees one that is half there */
	if (renameat(top, id, top, gone) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "remove volume '%s'", id);
	return file_remove_tree(top, gone, err);
}

/* A folder to unpack into, which its lock protects from volume_cleanup. */
static int make_new(const struct instance *inst, int top, const char *name, unsigned range,
		    int *out_fd, struct error *err)
{
	uid_t user = instance_range_base(inst, range) + INSTANCE_APP_UID;
	_cleanup_close_ int fd = -1;

	if (mkdirat(top, name, 0755) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make 'volumes/%s'", name);
	fd = openat(top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fchown(fd, user, user) < 0 ||
	    fchmod(fd, 0755) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make 'volumes/%s'", name);
	*out_fd = TAKE_FD(fd);
	return 0;
}

static unsigned range_of(const struct instance *inst, uid_t owner)
{
	return (owner - instance_range_base(inst, 0)) / INSTANCE_RANGE_SIZE % INSTANCE_RANGES;
}

static int swap_in(int top, const char *name, const char *id, int fd, bool replaces,
		   struct error *err)
{
	if (syncfs(fd) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "write volume '%s' to disk", id);
	if (renameat2(top, name, top, id, replaces ? RENAME_EXCHANGE : RENAME_NOREPLACE) < 0)
		return error_set(err, errno == EEXIST ? ERROR_BUSY : ERROR_SYSTEM, errno,
				 "put volume '%s' in its place", id);
	return fsync(top) < 0 ? error_set(err, ERROR_SYSTEM, errno, "sync the volumes") : 0;
}

int volume_restore(const struct instance *inst, const char *id, unsigned range, int archive,
		   int client, struct error *err)
{
	_cleanup_close_ int top = -1, old = -1, fd = -1;
	_cleanup_free_ char *name = xasprintf(NEW_PREFIX "%s.%d", id, getpid());
	struct error why = ERROR_INIT;
	struct stat st;

	if (open_top(inst, &top, err) < 0)
		return -1;
	if (take(top, id, &old, &why) < 0 && why.code != ERROR_NOT_FOUND)
		return error_set(err, why.code, why.sys, "%s", why.message);
	if (old >= 0) {
		if (fstat(old, &st) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "look at volume '%s'", id);
		range = range_of(inst, st.st_uid);
	}
	int failed = make_new(inst, top, name, range, &fd, err);
	if (!failed)
		failed = import_into(inst, range, fd, archive, err);
	/* an archive that is a file goes on when nobody waits for it any more */
	if (!failed && sock_hung_up(client))
		failed = error_set(err, ERROR_CANCELLED, 0, "cancelled");
	if (!failed)
		failed = swap_in(top, name, id, fd, old >= 0, err);
	/* what it was before, or what did not become one; it goes with the next clean-up if not now
	 */
	if (failed || old >= 0)
		file_remove_tree(top, name, NULL);
	return failed ? error_wrap(err, "restore volume '%s'", id) : 0;
}

int volume_size(const struct instance *inst, const char *id, uint64_t *out, struct error *err)
{
	_cleanup_close_ int top = -1, fd = -1;

	if (open_top(inst, &top, err) < 0 || open_volume(top, id, &fd, err) < 0)
		return -1;
	*out = meter_walk(fd);
	return 0;
}

static bool is_leftover(int top, const char *name)
{
	_cleanup_close_ int fd = -1;

	if (!str_starts(name, NEW_PREFIX) && !str_starts(name, GONE_PREFIX))
		return false;
	fd = openat(top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0;
}

int volume_cleanup(const struct instance *inst, bool dry, struct strvec *out, struct error *err)
{
	_cleanup_close_ int top = -1;
	int failed = 0;
	_cleanup_free_ char *path = instance_lib(inst, "volumes");
	DIR *d;

	if (!file_exists(AT_FDCWD, path))
		return 0; /* berth-runtime has not run yet */
	if (open_top(inst, &top, err) < 0)
		return -1;
	d = fdopendir(fcntl(top, F_DUPFD_CLOEXEC, 3));
	for (struct dirent *e; d && (e = readdir(d));) {
		if (!is_leftover(top, e->d_name))
			continue;
		strvec_pushf(out, "volume %s", e->d_name);
		if (!dry && file_remove_tree(top, e->d_name, err) < 0)
			failed = -1;
	}
	if (d)
		closedir(d);
	return failed;
}
