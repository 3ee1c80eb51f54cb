/* SPDX-License-Identifier: MIT */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/random.h"

#define RESOLVE_TRIES 1000

int file_read(int dirfd, const char *path, size_t max, struct strbuf *out, struct error *err)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM, errno,
				 "open '%s'", path);
	struct strbuf content = STRBUF_INIT;
	strbuf_cap(&content, max + 1);
	if (strbuf_read_fd(&content, fd, err) < 0) {
		strbuf_release(&content);
		return error_wrap(err, "'%s'", path);
	}
	if (content.len > max) {
		strbuf_release(&content);
		return error_set(err, ERROR_INVALID, 0, "'%s' is larger than %zu bytes", path, max);
	}
	strbuf_add(out, content.data, content.len);
	strbuf_release(&content);
	return 0;
}

int file_write_all(int fd, const void *data, size_t len, struct error *err)
{
	const char *p = data;
	while (len > 0) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, ERROR_SYSTEM, errno, "write");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Opens the folder that holds PATH, so that a rename in it can be made durable. */
static int open_parent(int dirfd, const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *parent =
		slash ? xstrndup(path, slash == path ? 1 : (size_t)(slash - path)) : xstrdup(".");
	int fd = openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		error_set(err, ERROR_SYSTEM, errno, "open '%s'", parent);
	return fd;
}

static int replace(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
		   bool durable, struct error *err)
{
	char suffix[9];
	random_hex(suffix, 8);
	_cleanup_free_ char *temp = xasprintf("%s.%s.tmp", path, suffix);
	_cleanup_close_ int parent = open_parent(dirfd, path, err);
	if (parent < 0)
		return -1;
	_cleanup_close_ int fd =
		openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "create '%s'", temp);
	int failed = 0;
	/* the mode counts, whatever the umask is */
	if (fchmod(fd, mode) < 0)
		failed = error_set(err, ERROR_SYSTEM, errno, "chmod '%s'", temp);
	else if (file_write_all(fd, data, len, err) < 0)
		failed = error_wrap(err, "'%s'", temp);
	else if (durable && fsync(fd) < 0)
		failed = error_set(err, ERROR_SYSTEM, errno, "fsync '%s'", temp);
	else if (renameat(dirfd, temp, dirfd, path) < 0)
		failed = error_set(err, ERROR_SYSTEM, errno, "rename '%s'", temp);
	if (failed) {
		unlinkat(dirfd, temp, 0);
		return -1;
	}
	if (durable && fsync(parent) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "fsync the folder of '%s'", path);
	return 0;
}

int file_replace(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
		 struct error *err)
{
	return replace(dirfd, path, data, len, mode, true, err);
}

int file_publish(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
		 struct error *err)
{
	return replace(dirfd, path, data, len, mode, false, err);
}

bool file_is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* "NAME.1a2b3c4d.tmp" */
static bool is_temporary(const char *name)
{
	size_t len = strlen(name);
	const char *end = name + len - 13;
	return len > 13 && *end == '.' && strspn(end + 1, "0123456789abcdef") == 8 &&
	       strcmp(end + 9, ".tmp") == 0;
}

int file_find_temporary(int dirfd, struct strvec *out, struct error *err)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	time_t now = time(NULL);
	if (!dir) {
		error_set(err, ERROR_SYSTEM, errno, "list a folder");
		close_fd(fd);
		return -1;
	}
	for (struct dirent *e; (e = readdir(dir));) {
		struct stat st;
		if (is_temporary(e->d_name) &&
		    fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode) && st.st_mtime + FILE_TEMPORARY_S < now)
			strvec_push(out, e->d_name);
	}
	closedir(dir);
	strvec_sort(out);
	return 0;
}

int file_resolve(int dirfd, const char *path, uint64_t flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {.flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve};
	int fd = -1;
	for (int i = 0; i < RESOLVE_TRIES; i++) {
		fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return fd;
}

int file_open_beneath(int dirfd, const char *path, int flags, mode_t mode, bool no_links,
		      struct error *err)
{
	int fd = file_resolve(
		dirfd, path, (unsigned)flags, flags & (O_CREAT | O_TMPFILE) ? mode : 0,
		RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | (no_links ? RESOLVE_NO_SYMLINKS : 0));
	if (fd < 0)
		error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM, errno, "open '%s'",
			  path);
	return fd;
}

int file_make_dirs(const char *path, mode_t mode, struct error *err)
{
	_cleanup_free_ char *copy = xstrdup(path);
	for (char *p = copy + 1;; p++) {
		if (*p && *p != '/')
			continue;
		char saved = *p;
		*p = '\0';
		if (mkdir(copy, mode) == 0) {
			if (chmod(copy, mode) < 0)
				return error_set(err, ERROR_SYSTEM, errno, "chmod '%s'", copy);
		} else if (errno != EEXIST) {
			return error_set(err, ERROR_SYSTEM, errno, "make folder '%s'", copy);
		}
		*p = saved;
		if (!saved)
			return 0;
	}
}

/* Folders nested deeper than this are first moved to the top, so that no tree, however deep, takes
 * more descriptors or stack than this. */
#define REMOVE_MAX_DEPTH 48

struct removal {
	int top; /* the folder that is being removed */
	dev_t dev;
};

static int remove_contents(const struct removal *r, int fd, unsigned depth, struct error *err);

/* Removes the folder NAME in FD, at DEPTH below the top. */
static int remove_folder(const struct removal *r, int fd, const char *name, unsigned depth,
			 struct error *err)
{
	struct stat st;
	int sub = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (sub < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", name);
	if (fstat(sub, &st) < 0 || st.st_dev != r->dev) {
		close_fd(sub);
		return error_set(err, ERROR_BUSY, 0, "'%s' is a mount point", name);
	}
	if (depth >= REMOVE_MAX_DEPTH) {
		char aside[17];
		random_hex(aside, 16);
		close_fd(sub);
		if (renameat(fd, name, r->top, aside) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "move '%s' aside", name);
		return 0;
	}
	if (remove_contents(r, sub, depth, err) < 0)
		return -1;
	if (unlinkat(fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_set(err, ERROR_SYSTEM, errno, "remove '%s'", name);
	return 0;
}

/* Empties the folder FD, which it closes. */
static int remove_contents(const struct removal *r, int fd, unsigned depth, struct error *err)
{
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close_fd(fd);
		return error_set(err, ERROR_SYSTEM, errno, "list folder");
	}
	int result = 0;
	struct dirent *entry;
	while (result == 0 && (entry = readdir(dir))) {
		const char *name = entry->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		if (unlinkat(fd, name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno == EISDIR || errno == EPERM)
			result = remove_folder(r, fd, name, depth + 1, err);
		else
			result = error_set(err, ERROR_SYSTEM, errno, "remove '%s'", name);
	}
	closedir(dir);
	return result;
}

int file_remove_tree(int dirfd, const char *name, struct error *err)
{
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return error_set(err, ERROR_SYSTEM, errno, "remove '%s'", name);
	_cleanup_close_ int top =
		openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (top < 0)
		return errno == ENOENT ? 0 : error_set(err, ERROR_SYSTEM, errno, "open '%s'", name);
	if (fstat(top, &st) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "stat '%s'", name);
	struct removal r = {top, st.st_dev};
	/* another pass for what the last one moved to the top after it had listed it */
	for (;;) {
		int fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return error_set(err, ERROR_SYSTEM, errno, "open '%s'", name);
		if (remove_contents(&r, fd, 0, err) < 0)
			return error_wrap(err, "remove '%s'", name);
		if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != ENOTEMPTY && errno != EEXIST)
			return error_set(err, ERROR_SYSTEM, errno, "remove '%s'", name);
	}
}

bool file_exists(int dirfd, const char *path)
{
	return faccessat(dirfd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int file_lock(const char *path, bool wait, int *out_fd, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	while (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EWOULDBLOCK)
			return error_set(err, ERROR_BUSY, 0, "'%s' is locked", path);
		return error_set(err, ERROR_SYSTEM, errno, "lock '%s'", path);
	}
	*out_fd = TAKE_FD(fd);
	return 0;
}

int file_copy(int in, int out, uint64_t max, struct error *err)
{
	char chunk[65536];
	uint64_t total = 0;
	for (;;) {
		ssize_t n = read(in, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, ERROR_SYSTEM, errno, "read");
		if (n == 0)
			return 0;
		total += (uint64_t)n;
		if (total > max)
			return error_set(err, ERROR_INVALID, 0, "more than %llu bytes",
					 (unsigned long long)max);
		if (file_write_all(out, chunk, (size_t)n, err) < 0)
			return -1;
	}
}

char *file_prefix(void)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n <= 0)
		return xstrdup("/usr/local");
	exe[n] = '\0';
	for (int i = 0; i < 2; i++) {
		char *slash = strrchr(exe, '/');
		if (slash)
			*slash = '\0';
	}
	return xstrdup(*exe ? exe : "/");
}
