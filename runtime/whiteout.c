/* SPDX-License-Identifier: MIT */
#include "runtime/whiteout.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strbuf.h"

#define MARK ".wh."
#define OPAQUE ".wh..wh..opq"
#define META ".wh..wh." /* aufs's own, which mean nothing in a changeset */

void whiteouts_release(struct whiteouts *w)
{
	strvec_release(&w->gone);
	strvec_release(&w->hiding);
}

int whiteouts_take(struct whiteouts *w, const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	_cleanup_free_ char *folder = slash ? xstrndup(path, (size_t)(slash - path)) : NULL;
	const char *target = str_skip(name, MARK);

	if (!target)
		return 0;
	if (w->gone.n + w->hiding.n >= WHITEOUT_MAX)
		return error_set(err, ERROR_INVALID, 0, "there are more than %u whiteouts",
				 WHITEOUT_MAX);
	if (strcmp(name, OPAQUE) == 0) {
		strvec_push(&w->hiding, folder ? folder : ".");
		return 1;
	}
	if (str_starts(name, META))
		return 1;
	if (!*target || strcmp(target, ".") == 0 || strcmp(target, "..") == 0)
		return error_set(err, ERROR_INVALID, 0, "the whiteout names nothing");
	if (!folder && (strcmp(target, "proc") == 0 || strcmp(target, "sys") == 0 ||
			strcmp(target, "dev") == 0))
		return error_set(err, ERROR_INVALID, 0,
				 "the whiteout would remove what every container gets");
	strvec_pushf(&w->gone, "%s%s%s", folder ? folder : "", folder ? "/" : "", target);
	return 1;
}

/* Opens the folder PATH below ROOT, made where it is missing: the layer need not name it. */
static int open_folder(int root, const char *path, int *out_fd, struct error *err)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
	struct error why = ERROR_INIT;
	int fd = file_open_beneath(root, path, flags, 0, true, &why);

	if (fd < 0 && why.code == ERROR_NOT_FOUND) {
		const char *slash = strrchr(path, '/');
		_cleanup_free_ char *above =
			slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
		_cleanup_close_ int parent = -1;

		if (open_folder(root, above, &parent, err) < 0)
			return -1;
		if (mkdirat(parent, slash ? slash + 1 : path, 0755) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "make '%s'", path);
		fd = file_open_beneath(root, path, flags, 0, true, &why);
	}
	if (fd < 0) {
		*err = why;
		return -1;
	}
	*out_fd = fd;
	return 0;
}

static int remove_below(struct whiteouts *w, int root, const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	_cleanup_free_ char *folder = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
	_cleanup_close_ int parent = -1;
	struct stat st, before;

	if (open_folder(root, folder, &parent, err) < 0)
		return error_wrap(err, "whiteout of '%.200s'", path);
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		/* the layer brings it again: what is below shows neither it nor its content */
		if (S_ISDIR(st.st_mode) && !strvec_has(&w->hiding, path))
			strvec_push(&w->hiding, path);
		return 0;
	}
	if (fstat(parent, &before) < 0 || mknodat(parent, name, S_IFCHR, makedev(0, 0)) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "whiteout of '%.200s'", path);
	const struct timespec times[2] = {before.st_atim, before.st_mtim};
	if (futimens(parent, times) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "whiteout of '%.200s'", path);
	return 0;
}

int whiteouts_apply(struct whiteouts *w, int root, struct error *err)
{
	for (size_t i = 0; i < w->gone.n; i++)
		if (remove_below(w, root, w->gone.v[i], err) < 0)
			return -1;
	for (size_t i = 0; i < w->hiding.n; i++) {
		_cleanup_close_ int fd = -1;

		if (open_folder(root, w->hiding.v[i], &fd, err) < 0)
			return error_wrap(err, "opaque folder '%.200s'", w->hiding.v[i]);
	}
	return 0;
}
