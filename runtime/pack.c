/* SPDX-License-Identifier: MIT */
#include "runtime/pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/attribute.h"
#include "base/cleanup.h"
#include "base/strbuf.h"
#include "base/strvec.h"

/* Inodes that have been written and have further names. */
struct link_entry {
	dev_t dev;
	ino_t ino;
	char *path; /* NULL: free */
};

struct writer {
	struct archive *out, *disk;
	const struct strvec *hiding;
	struct link_entry *links; /* open addressing; a power of two */
	size_t n_links, links_size;
};

static size_t link_slot(const struct writer *w, dev_t dev, ino_t ino)
{
	size_t i = (size_t)((ino ^ dev) * 0x9e3779b97f4a7c15ull) & (w->links_size - 1);

	while (w->links[i].path && (w->links[i].dev != dev || w->links[i].ino != ino))
		i = (i + 1) & (w->links_size - 1);
	return i;
}

static void grow_links(struct writer *w)
{
	struct link_entry *old = w->links;
	size_t n = w->links_size;

	w->links_size = n ? n * 2 : 1024;
	w->links = xcalloc(w->links_size, sizeof(*w->links));
	for (size_t i = 0; i < n; i++)
		if (old[i].path)
			w->links[link_slot(w, old[i].dev, old[i].ino)] = old[i];
	free(old);
}

/* The path under which ST was written before, or NULL; then it is now PATH. */
static const char *earlier_name(struct writer *w, const struct stat *st, const char *path)
{
	if (w->n_links * 2 >= w->links_size)
		grow_links(w);
	struct link_entry *e = &w->links[link_slot(w, st->st_dev, st->st_ino)];
	if (e->path)
		return e->path;
	*e = (struct link_entry){st->st_dev, st->st_ino, xstrdup(path)};
	w->n_links++;
	return NULL;
}

static int broken(struct error *err, const char *path, struct archive *a)
{
	return error_set(err, ERROR_FAILED, archive_errno(a), "pack '%.200s': %s", path,
			 archive_error_string(a));
}

static int put_whiteout(struct writer *w, const char *folder, const char *name, struct error *err)
{
	_cleanup_free_ char *path = xasprintf("%s%s%s", folder, *folder ? "/" : "", name);
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, path);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, 0);
	int r = archive_write_header(w->out, e);
	archive_entry_free(e);
	return r == ARCHIVE_OK ? 0 : broken(err, path, w->out);
}

/* Only what import.h keeps. */
static void add_xattrs(const char *disk_path, struct archive_entry *e)
{
	char names[16384], value[65536];
	ssize_t n = llistxattr(disk_path, names, sizeof(names));

	for (const char *p = names; n > 0 && p < names + n; p += strlen(p) + 1) {
		if (!attribute_is_kept(p))
			continue;
		ssize_t size = lgetxattr(disk_path, p, value, sizeof(value));
		if (size >= 0)
			archive_entry_xattr_add_entry(e, p, value, (size_t)size);
	}
}

static int put_content(struct writer *w, int fd, const char *path, off_t size, struct error *err)
{
	_cleanup_free_ char *block = xmalloc(1 << 18);
	off_t at = 0;

	while (at < size) {
		ssize_t n = pread(fd, block, 1 << 18, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_set(err, ERROR_SYSTEM, n < 0 ? errno : 0, "read '%.200s'",
					 path);
		if (archive_write_data(w->out, block, (size_t)n) < 0)
			return broken(err, path, w->out);
		at += n;
	}
	return 0;
}

static int put_entry(struct writer *w, int dir, const char *name, const char *path,
		     const struct stat *st, struct error *err)
{
	struct archive_entry *e = archive_entry_new();
	_cleanup_free_ char *disk_path = xasprintf("/%s", path);
	_cleanup_close_ int fd = -1;
	const char *earlier =
		S_ISREG(st->st_mode) && st->st_nlink > 1 ? earlier_name(w, st, path) : NULL;
	char target[PATH_MAX];
	int result = 0;

	archive_entry_copy_stat(e, st);
	archive_entry_set_pathname(e, *path ? path : ".");
	/* times to the second, and none that change without the content */
	archive_entry_set_mtime(e, st->st_mtime, 0);
	archive_entry_unset_atime(e);
	archive_entry_unset_ctime(e);
	archive_entry_unset_birthtime(e);
	if (earlier) {
		archive_entry_set_hardlink(e, earlier);
		archive_entry_set_size(e, 0);
	} else if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		archive_entry_set_symlink(e, target);
	} else {
		add_xattrs(disk_path, e);
		if (S_ISREG(st->st_mode))
			fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (S_ISREG(st->st_mode) && fd < 0)
			result = error_set(err, ERROR_SYSTEM, errno, "open '%.200s'", path);
	}
	if (result == 0 && archive_write_header(w->out, e) != ARCHIVE_OK)
		result = broken(err, path, w->out);
	if (result == 0 && fd >= 0)
		result = put_content(w, fd, path, st->st_size, err);
	archive_entry_free(e);
	return result;
}

static int list_sorted(int fd, struct strvec *out, struct error *err)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);

	if (!dir) {
		close_fd(copy);
		return error_set(err, ERROR_SYSTEM, errno, "read a folder");
	}
	for (struct dirent *e; (e = readdir(dir));)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			strvec_push(out, e->d_name);
	closedir(dir);
	strvec_sort(out);
	return 0;
}

static int put_folder(struct writer *w, int fd, const char *path, unsigned depth,
		      struct error *err);

static int put_one(struct writer *w, int fd, const char *name, const char *folder, unsigned depth,
		   struct error *err)
{
	_cleanup_free_ char *path = xasprintf("%s%s%s", folder, *folder ? "/" : "", name);
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "look at '%.200s'", path);
	if (S_ISCHR(st.st_mode) && st.st_rdev == 0) {
		_cleanup_free_ char *mark = xasprintf(".wh.%s", name);
		return put_whiteout(w, folder, mark, err);
	}
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode) &&
	    !S_ISFIFO(st.st_mode))
		return 0;
	if (put_entry(w, fd, name, path, &st, err) < 0)
		return -1;
	if (!S_ISDIR(st.st_mode))
		return 0;
	_cleanup_close_ int sub = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (sub < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%.200s'", path);
	return put_folder(w, sub, path, depth + 1, err);
}

static int put_folder(struct writer *w, int fd, const char *path, unsigned depth, struct error *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;

	if (depth > PACK_MAX_DEPTH)
		return error_set(err, ERROR_INVALID, 0, "folders lie too deep: '%.200s'", path);
	if (strvec_has(w->hiding, path) && put_whiteout(w, path, ".wh..wh..opq", err) < 0)
		return -1;
	if (list_sorted(fd, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++)
		if (put_one(w, fd, names.v[i], path, depth, err) < 0)
			return -1;
	return 0;
}

int pack_tree(int fd, const struct strvec *hiding, struct error *err)
{
	struct writer w = {.hiding = hiding, .out = archive_write_new()};
	_cleanup_close_ int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (!w.out || root < 0 || fstat(root, &st) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open the layer");
	archive_write_set_format_pax_restricted(w.out);
	archive_write_set_bytes_in_last_block(w.out, 1);
	if (archive_write_open_fd(w.out, fd) != ARCHIVE_OK)
		return broken(err, "", w.out);
	if (put_entry(&w, root, ".", "", &st, err) < 0 || put_folder(&w, root, "", 0, err) < 0)
		return -1;
	/* the process ends: nothing need be freed */
	return archive_write_close(w.out) == ARCHIVE_OK ? 0 : broken(err, "", w.out);
}
