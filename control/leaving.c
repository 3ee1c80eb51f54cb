/* SPDX-License-Identifier: MIT */
#include "control/leaving.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/random.h"

#define LIST_MAX (1u << 20)

static char *folder_path(const struct instance *inst)
{
	return instance_run(inst, "leaving");
}

int leaving_mark(const struct instance *inst, int64_t app, const struct strvec *ids, int *out_fd,
		 char **out_path, struct error *err)
{
	_cleanup_free_ char *folder = folder_path(inst);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_close_ int fd = -1;
	char mark[9];
	random_hex(mark, 8);
	_cleanup_free_ char *fresh = xasprintf("%s/.%s", folder, mark);
	_cleanup_free_ char *path = xasprintf("%s/%lld.%s", folder, (long long)app, mark);
	for (size_t i = 0; i < ids->n; i++)
		strbuf_addf(&text, "%s\n", ids->v[i]);
	/* locked before it has its name, so that it is never taken for a dead one's */
	if (file_make_dirs(folder, 0750, err) < 0 || file_lock(fresh, false, &fd, err) < 0)
		return -1;
	if (file_write_all(fd, text.data, text.len, err) < 0) {
		unlink(fresh);
		return -1;
	}
	if (rename(fresh, path) < 0) {
		error_set(err, ERROR_SYSTEM, errno, "rename '%s'", fresh);
		unlink(fresh);
		return -1;
	}
	*out_fd = TAKE_FD(fd);
	*out_path = TAKE_PTR(path);
	return 0;
}

static void take_ids(const char *text, struct strvec *out)
{
	for (const char *end; (end = strchr(text, '\n')); text = end + 1)
		strvec_push_take(out, xstrndup(text, (size_t)(end - text)));
}

/* 1: the file, and a keeper has it; 0: nobody has, or it is gone. */
static int open_mark(int folder, const char *name, int *out_fd, struct error *err)
{
	_cleanup_close_ int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : error_set(err, ERROR_SYSTEM, errno, "open '%s'", name);
	if (flock(fd, LOCK_SH | LOCK_NB) == 0)
		return 0;
	*out_fd = TAKE_FD(fd);
	return 1;
}

static int take_file(int folder, const char *name, struct strvec *out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_close_ int fd = -1;
	int kept = open_mark(folder, name, &fd, err);
	if (kept <= 0)
		return kept;
	strbuf_cap(&text, LIST_MAX);
	if (strbuf_read_fd(&text, fd, err) < 0)
		return -1;
	take_ids(text.data, out);
	return 0;
}

static void close_folder(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

int leaving_list(const struct instance *inst, int64_t app, struct strvec *out, struct error *err)
{
	_cleanup_free_ char *path = folder_path(inst);
	_cleanup_free_ char *prefix = xasprintf("%lld.", (long long)app);
	_cleanup_(close_folder) DIR *dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	for (struct dirent *e; (e = readdir(dir));)
		if (str_starts(e->d_name, prefix) && take_file(dirfd(dir), e->d_name, out, err) < 0)
			return -1;
	return 0;
}

int leaving_forsaken(const struct instance *inst, void (*each)(int64_t app, void *data), void *data,
		     struct error *err)
{
	_cleanup_free_ char *path = folder_path(inst);
	_cleanup_(close_folder) DIR *dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	for (struct dirent *e; (e = readdir(dir));) {
		_cleanup_close_ int fd = -1;
		if (e->d_name[0] == '.')
			continue;
		int kept = open_mark(dirfd(dir), e->d_name, &fd, err);
		if (kept < 0)
			return -1;
		/* whoever removes it has it: its keeper may just have come to its end */
		if (!kept && unlinkat(dirfd(dir), e->d_name, 0) == 0)
			each(strtoll(e->d_name, NULL, 10), data);
	}
	return 0;
}
