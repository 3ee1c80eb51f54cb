/* SPDX-License-Identifier: MIT */
#include "buildpacks/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "instance/name.h"

int source_open(const struct instance *inst, const char *tree, int *out_fd, struct error *err)
{
	if (!name_is_id(tree))
		return error_set(err, ERROR_INVALID, 0, "'%s' is no source tree", tree);
	_cleanup_free_ char *path = instance_lib(inst, "sources/%s/app", tree);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM, errno,
				 "open '%s'", path);
	*out_fd = fd;
	return 0;
}

/* A file of the tree, or -1. O_NONBLOCK: a fifo must not stop us before fstat tells what it is. */
static int open_file(int dirfd, const char *name, struct stat *st, struct error *err)
{
	struct error why = ERROR_INIT;
	_cleanup_close_ int fd =
		file_open_beneath(dirfd, name, O_RDONLY | O_NONBLOCK, 0, true, &why);
	if (fd < 0) {
		if (why.sys == ENOENT || why.sys == ENOTDIR)
			return error_set(err, ERROR_NOT_FOUND, 0, "the app has no '%s'", name);
		if (why.sys == ELOOP)
			return error_set(err, ERROR_INVALID, 0,
					 "'%s' is a symbolic link; it must be a plain file", name);
		return error_set(err, ERROR_SYSTEM, why.sys, "open '%s'", name);
	}
	if (fstat(fd, st) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "stat '%s'", name);
	if (!S_ISREG(st->st_mode))
		return error_set(err, ERROR_INVALID, 0, "'%s' must be a plain file", name);
	return TAKE_FD(fd);
}

int source_read(int dirfd, const char *name, size_t max, struct strbuf *out, struct error *err)
{
	struct stat st;
	_cleanup_close_ int fd = open_file(dirfd, name, &st, err);

	if (fd < 0)
		return -1;
	if ((uintmax_t)st.st_size > max)
		return error_set(err, ERROR_INVALID, 0,
				 "'%s' has %ju bytes, at most %zu are allowed", name,
				 (uintmax_t)st.st_size, max);
	return strbuf_read_fd(out, fd, err);
}

bool source_has(int dirfd, const char *name)
{
	struct stat st;
	_cleanup_close_ int fd = open_file(dirfd, name, &st, NULL);

	return fd >= 0;
}

static bool matches_one(int dirfd, const char *pattern)
{
	const char *slash = strrchr(pattern, '/');
	const char *name = slash ? slash + 1 : pattern;
	bool found = false;

	if (!strpbrk(pattern, "*?["))
		return source_has(dirfd, pattern);
	_cleanup_free_ char *folder =
		slash ? xstrndup(pattern, (size_t)(slash - pattern)) : xstrdup(".");
	int fd = file_open_beneath(dirfd, folder, O_RDONLY | O_DIRECTORY, 0, true, NULL);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		close_fd(fd);
		return false;
	}
	for (struct dirent *e; !found && (e = readdir(dir));)
		found = fnmatch(name, e->d_name, FNM_PERIOD) == 0 && source_has(fd, e->d_name);
	closedir(dir);
	return found;
}

bool source_matches(int dirfd, const char *pattern)
{
	for (const char *p = pattern;;) {
		size_t n = strcspn(p, "&");
		_cleanup_free_ char *one = xstrndup(p, n);
		if (!matches_one(dirfd, one))
			return false;
		if (!p[n])
			return true;
		p += n + 1;
	}
}

int source_list(int dirfd, const char *folder, size_t max, struct strvec *out, struct error *err)
{
	int fd = file_open_beneath(dirfd, folder, O_RDONLY | O_DIRECTORY, 0, true, NULL);
	size_t before = out->n;
	int result = 0;

	if (fd < 0)
		return 0;
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close_fd(fd);
		return error_set(err, ERROR_SYSTEM, errno, "list '%s'", folder);
	}
	for (struct dirent *e = readdir(dir); e && result == 0; e = readdir(dir)) {
		_cleanup_free_ char *name = xasprintf("%s/%s", folder, e->d_name);
		if (!source_has(dirfd, name))
			continue;
		if (out->n - before == max)
			result = error_set(err, ERROR_INVALID, 0, "'%s' has more than %zu files",
					   folder, max);
		strvec_push(out, name);
	}
	closedir(dir);
	strvec_sort(out);
	return result;
}
