/* SPDX-License-Identifier: MIT */
#include "runtime/bind.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "runtime/seed.h"
#include "runtime/volume.h"

#define VOLUME_TRIES 5

static int mark_new(int dir, const char *name)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -1;
	seed_mark(fd);
	return 0;
}

/* With its owner from the first moment: who finds it half made would take it for root's. */
static int make_kept(int dir, const struct spec_mount *m, uid_t base, uid_t user, bool marked)
{
	const char *id = m->id;
	_cleanup_free_ char *name = xasprintf(".new.%s.%d", id, getpid());
	uid_t uid = m->owned ? base + m->uid : user;
	gid_t gid = m->owned ? base + m->gid : user;
	mode_t mode = m->owned ? m->mode : 0755;
	int failed;

	if (mkdirat(dir, name, 0755) < 0)
		return -1;
	failed = fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
		 fchmodat(dir, name, mode, 0) < 0 || (marked && mark_new(dir, name) < 0) ||
		 renameat2(dir, name, dir, id, RENAME_NOREPLACE) < 0;
	if (!failed)
		return 0;
	int why = errno;
	unlinkat(dir, name, AT_REMOVEDIR);
	errno = why;
	return why == EEXIST ? 0 : -1;
}

/* lib/cache/ID and lib/volumes/ID: made when missing. One that another range left is mapped, so
 * that an app that got a new range finds its files its own. */
static int open_kept(const struct instance *inst, const char *folder, const struct spec_mount *m,
		     uid_t base, uid_t user, struct bind *out, struct error *err)
{
	const char *id = m->id;
	_cleanup_free_ char *path = instance_lib(inst, "%s", folder);
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (dir < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	if (!file_exists(dir, id) && make_kept(dir, m, base, user, !strcmp(folder, "volumes")) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make '%s/%s'", path, id);
	_cleanup_close_ int fd = file_open_beneath(dir, id, O_RDONLY | O_DIRECTORY, 0, true, err);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "look at '%s/%s'", path, id);
	uid_t owner = st.st_uid & ~(INSTANCE_RANGE_SIZE - 1);
	if (owner != base) {
		out->mapped = true;
		out->map = (struct idmap){owner, owner, base, INSTANCE_RANGE_SIZE};
	}
	out->fd = TAKE_FD(fd);
	return 0;
}

static int open_volume(const struct instance *inst, const struct spec_mount *m, uid_t base,
		       uid_t user, struct bind *out, struct error *err)
{
	for (int i = 0; i < VOLUME_TRIES; i++) {
		struct bind s = {.fd = -1};

		if (open_kept(inst, "volumes", m, base, user, &s, err) < 0)
			return -1;
		_cleanup_close_ int fd = s.fd;
		int held = volume_hold(inst, m->id, fd, err);
		if (held < 0)
			return -1;
		if (held == 0) {
			*out = s;
			out->fd = TAKE_FD(fd);
			return 0;
		}
	}
	return error_set(err, ERROR_BUSY, 0, "volume '%s' is being restored or removed", m->id);
}

/* Only the file NAME of the folder FD. */
static int narrow(struct bind *b, const char *name, struct error *err)
{
	struct stat st;
	int fd = openat(b->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close_fd(fd);
		b->fd = close_fd(b->fd);
		return error_set(err, ERROR_NOT_FOUND, 0, "mount '%s': there is no such file",
				 name);
	}
	close(b->fd);
	b->fd = fd;
	return 0;
}

/* A folder that user berth filled: seen as the container user's own. */
static int open_given(const struct instance *inst, char *folder, const char *id, bool mapped,
		      uid_t user, struct bind *out, struct error *err)
{
	_cleanup_free_ char *path = folder;
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int fd;

	if (dir < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	fd = id ? file_open_beneath(dir, id, O_RDONLY | O_DIRECTORY, 0, true, err) : TAKE_FD(dir);
	if (fd < 0)
		return error_wrap(err, "mount '%s'", path);
	out->fd = fd;
	out->mapped = mapped;
	out->map = (struct idmap){inst->uid, inst->gid, user, 1};
	return 0;
}

int bind_open(const struct instance *inst, const struct spec_mount *m, uid_t base, uid_t user,
	      struct bind *out, struct error *err)
{
	switch (m->kind) {
	case SPEC_MOUNT_CACHE:
		return open_kept(inst, "cache", m, base, user, out, err);
	case SPEC_MOUNT_VOLUME:
		return open_volume(inst, m, base, user, out, err);
	case SPEC_MOUNT_STAGE:
		if (open_given(inst, instance_lib(inst, "stage"), m->id, true, user, out, err) < 0)
			return -1;
		return m->file ? narrow(out, m->file, err) : 0;
	case SPEC_MOUNT_PACKS:
		if (!strcmp(m->id, "bundled"))
			return open_given(inst, xasprintf("%s/buildpacks", inst->share), NULL,
					  false, user, out, err);
		return open_given(inst, instance_lib(inst, "packs"), m->id, true, user, out, err);
	}
	return error_set(err, ERROR_INVALID, 0, "mount kind %d is not known", (int)m->kind);
}
