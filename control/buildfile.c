/* SPDX-License-Identifier: MIT */
#include "control/buildfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"

char *buildfile_lock(const struct instance *inst, int64_t id)
{
	return instance_run(inst, "locks/build-%lld", (long long)id);
}

char *buildfile_log(const struct instance *inst, int64_t id)
{
	return instance_lib(inst, "build-logs/%lld.log", (long long)id);
}

int buildfile_create(const struct instance *inst, int64_t id, int *out_lock, int *out_log,
		     struct error *err)
{
	_cleanup_free_ char *folder = instance_lib(inst, "build-logs");
	_cleanup_free_ char *locks = instance_run(inst, "locks");
	_cleanup_free_ char *lock_path = buildfile_lock(inst, id);
	_cleanup_free_ char *log_path = buildfile_log(inst, id);
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (file_make_dirs(folder, 0750, err) < 0 || file_make_dirs(locks, 0750, err) < 0)
		return -1;
	_cleanup_close_ int lock =
		open(lock_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (lock < 0 || fcntl(lock, F_SETLK, &whole) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "lock '%s'", lock_path);
	int log = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
		       0640);
	if (log < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", log_path);
	*out_lock = TAKE_FD(lock);
	*out_log = log;
	return 0;
}

pid_t buildfile_holder(const struct instance *inst, int64_t id, char note[BUILDFILE_NOTE_MAX])
{
	_cleanup_free_ char *path = buildfile_lock(inst, id);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	ssize_t n = fd < 0 ? 0 : pread(fd, note, BUILDFILE_NOTE_MAX - 1, 0);
	note[n > 0 ? n : 0] = '\0';
	if (fd < 0 || fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return 0;
	return lock.l_pid;
}

void buildfile_note(const struct instance *inst, int64_t id, const char *reason)
{
	_cleanup_free_ char *path = buildfile_log(inst, id);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0)
		dprintf(fd, " !     %s\n", reason);
}

/* Whether ID is a build's: one that has a row, or that lives. */
static int is_build(struct context *c, int64_t own, int64_t id, bool *out, struct error *err)
{
	char note[BUILDFILE_NOTE_MAX];
	if (db_has(&c->db, out, err, "SELECT 1 FROM builds WHERE id = ?", "i", id) < 0)
		return -1;
	*out = *out || id == own || buildfile_holder(c->inst, id, note) > 0;
	return 0;
}

/* The ID of "PREFIX""ID""SUFFIX"; -1 for other names. */
static int64_t id_of(const char *name, const char *prefix, const char *suffix)
{
	const char *rest = str_skip(name, prefix);
	size_t digits = rest ? strspn(rest, "0123456789") : 0;
	unsigned long long id;
	if (digits == 0 || strcmp(rest + digits, suffix) != 0)
		return -1;
	_cleanup_free_ char *text = xstrndup(rest, digits);
	return str_to_u64(text, 1, INT64_MAX, &id) < 0 ? -1 : (int64_t)id;
}

/* One look at both folders. */
struct sweep {
	struct context *c;
	int64_t own;
	bool dry;
	struct strvec *out;
};

static int sweep_folder(struct sweep *s, const char *path, const char *prefix, const char *suffix,
			struct error *err)
{
	DIR *dir = opendir(path);
	int result = 0;
	if (!dir)
		return errno == ENOENT ? 0 : error_set(err, ERROR_SYSTEM, errno, "list '%s'", path);
	for (struct dirent *e; result == 0 && (e = readdir(dir));) {
		int64_t id = id_of(e->d_name, prefix, suffix);
		bool used = true;
		if (id >= 0)
			result = is_build(s->c, s->own, id, &used, err);
		if (used || result < 0)
			continue;
		if (!s->dry && unlinkat(dirfd(dir), e->d_name, 0) < 0 && errno != ENOENT)
			result = error_set(err, ERROR_SYSTEM, errno, "remove '%s'", e->d_name);
		else
			strvec_pushf(s->out, "%s of build %lld, which is gone",
				     *prefix ? "lock" : "log", (long long)id);
	}
	closedir(dir);
	return result;
}

int buildfile_sweep(struct context *c, int64_t own, bool dry, struct strvec *out, struct error *err)
{
	_cleanup_free_ char *logs = instance_lib(c->inst, "build-logs");
	_cleanup_free_ char *locks = instance_run(c->inst, "locks");
	struct sweep s = {c, own, dry, out};
	/* a build makes its files and its row while it may write: there is none half-way */
	if (db_begin(&c->db, err) < 0)
		return -1;
	int result = sweep_folder(&s, logs, "", ".log", err);
	if (result == 0)
		result = sweep_folder(&s, locks, "build-", "", err);
	db_rollback(&c->db);
	return result;
}
