/* SPDX-License-Identifier: MIT */
#include "runtime/copyup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define DEEPEST 64

static int copy_file(int from_dir, int to_dir, const char *name, const struct stat *st)
{
	_cleanup_close_ int in = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_close_ int out =
		openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	ssize_t n;

	if (in < 0 || out < 0)
		return -1;
	while ((n = sendfile(out, in, NULL, 1u << 20)) > 0)
		;
	return n < 0 || fchown(out, st->st_uid, st->st_gid) < 0 ||
			       fchmod(out, st->st_mode & 07777) < 0
		       ? -1
		       : 0;
}

static int copy_link(int from_dir, int to_dir, const char *name, const struct stat *st)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from_dir, name, target, sizeof(target) - 1);

	if (n < 0)
		return -1;
	target[n] = '\0';
	return symlinkat(target, to_dir, name) < 0 || fchownat(to_dir, name, st->st_uid, st->st_gid,
							       AT_SYMLINK_NOFOLLOW) < 0
		       ? -1
		       : 0;
}

static int copy_folder(int from, int to, int depth, struct copyup_limits *limits);

static int spend(struct copyup_limits *limits, const struct stat *st)
{
	uint64_t bytes = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;

	if (!limits)
		return 0;
	if (!limits->files || bytes > limits->bytes) {
		errno = EFBIG;
		return -1;
	}
	limits->files--;
	limits->bytes -= bytes;
	return 0;
}

static int copy_entry(int from, int to, const char *name, int depth, struct copyup_limits *limits)
{
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || spend(limits, &st) < 0)
		return -1;
	if (S_ISREG(st.st_mode))
		return copy_file(from, to, name, &st);
	if (S_ISLNK(st.st_mode))
		return copy_link(from, to, name, &st);
	if (!S_ISDIR(st.st_mode))
		return 0;
	_cleanup_close_ int in =
		openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (in < 0 || mkdirat(to, name, 0700) < 0)
		return -1;
	_cleanup_close_ int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out < 0 || copy_folder(in, out, depth + 1, limits) < 0)
		return -1;
	return fchown(out, st.st_uid, st.st_gid) < 0 || fchmod(out, st.st_mode & 07777) < 0 ? -1
											    : 0;
}

static int copy_folder(int from, int to, int depth, struct copyup_limits *limits)
{
	int fd = depth < DEEPEST ? openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int failed = 0;

	if (!dir) {
		close_fd(fd);
		if (depth >= DEEPEST)
			errno = ELOOP;
		return -1;
	}
	while (!failed && (e = readdir(dir))) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			failed = copy_entry(from, to, e->d_name, depth, limits);
	}
	closedir(dir);
	return failed;
}

int copyup_tree(int from, int to, struct copyup_limits *limits)
{
	struct stat st;
	_cleanup_close_ int out = openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (out < 0 || fstat(from, &st) < 0 || copy_folder(from, out, 0, limits) < 0)
		return -1;
	return fchown(out, st.st_uid, st.st_gid);
}
