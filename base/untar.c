/* SPDX-License-Identifier: MIT */
#include "base/untar.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"

static void reader_free(struct archive **a)
{
	if (*a)
		archive_read_free(*a);
}

struct untar {
	int dirfd;
	uint64_t bytes;
	unsigned entries;
	bool root_link;
	bool rooted; /* absolute paths are of the folder */
};

int untar_path(const char *path, char *out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf clean = STRBUF_INIT;
	unsigned depth = 0;

	if (path[0] == '/')
		return error_set(err, ERROR_INVALID, 0,
				 "the archive holds an absolute path '%.64s'", path);
	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");

		if (len == 2 && p[0] == '.' && p[1] == '.')
			return error_set(err, ERROR_INVALID, 0,
					 "the archive holds a path with '..': '%.64s'", path);
		for (size_t i = 0; i < len; i++)
			if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
				return error_set(
					err, ERROR_INVALID, 0,
					"the archive holds a name with control characters");
		if (len > 0 && !(len == 1 && p[0] == '.')) {
			strbuf_addf(&clean, "%s%.*s", clean.len ? "/" : "", (int)len, p);
			depth++;
		}
		p += len + (p[len] == '/');
	}
	if (clean.len > UNTAR_MAX_PATH || depth > UNTAR_MAX_DEPTH)
		return error_set(err, ERROR_INVALID, 0,
				 "the archive holds too long a path '%.64s...'", path);
	memcpy(out, clean.data, clean.len + 1);
	return 0;
}

int untar_link_depth(const char *path, const char *target)
{
	int depth = 0, least;
	bool down = false;

	if (target[0] == '/' || !target[0] || strlen(target) > UNTAR_MAX_PATH)
		return -1;
	for (const char *p = path; *p; p++)
		depth += *p == '/';
	least = depth;
	for (const char *p = target; *p;) {
		size_t len = strcspn(p, "/");

		if (len == 2 && p[0] == '.' && p[1] == '.') {
			/* after a name, which may be a link itself, ".." leads anywhere */
			if (down || --least < 0)
				return -1;
		} else if (len > 0 && !(len == 1 && p[0] == '.')) {
			down = true;
		}
		p += len + (p[len] == '/');
	}
	return least;
}

/* Makes the folders that PATH names, or with PARENTS those above it. */
static int make_folders(int dirfd, const char *path, bool parents, struct error *err)
{
	char part[UNTAR_MAX_PATH + 1];

	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/"), end = (size_t)(p - path) + len;
		const char *name;
		char above[UNTAR_MAX_PATH + 1];
		_cleanup_close_ int at = -1;

		if (parents && !p[len])
			return 0;
		memcpy(part, path, end);
		part[end] = '\0';
		memcpy(above, path, (size_t)(p - path));
		above[p - path] = '\0';
		name = part + (p - path);
		at = file_open_beneath(dirfd, above[0] ? above : ".", O_RDONLY | O_DIRECTORY, 0,
				       true, err);
		if (at < 0)
			return -1;
		if (mkdirat(at, name, 0755) == 0) {
			/* the caller's umask must not hide the folder from its users */
			if (fchmodat(at, name, 0755, 0) < 0)
				return error_set(err, ERROR_SYSTEM, errno, "chmod '%s'", part);
		} else if (errno != EEXIST) {
			return error_set(err, ERROR_SYSTEM, errno, "make folder '%s'", part);
		}
		p += len + (p[len] == '/');
	}
	return 0;
}

static int write_file(struct untar *u, struct archive *a, const char *path, bool executable,
		      struct error *err)
{
	_cleanup_close_ int fd = -1;
	char chunk[16384];

	if (make_folders(u->dirfd, path, true, err) < 0)
		return -1;
	fd = file_open_beneath(u->dirfd, path, O_WRONLY | O_CREAT | O_EXCL, 0600, true, err);
	if (fd < 0)
		return -1;
	for (;;) {
		la_ssize_t n = archive_read_data(a, chunk, sizeof(chunk));

		if (n < 0)
			return error_set(err, ERROR_INVALID, 0, "the archive is damaged: %s",
					 archive_error_string(a));
		if (n == 0)
			break;
		u->bytes += (uint64_t)n;
		if (u->bytes > UNTAR_MAX_BYTES)
			return error_set(err, ERROR_INVALID, 0,
					 "the archive unpacks to more than %llu MiB",
					 UNTAR_MAX_BYTES >> 20);
		if (file_write_all(fd, chunk, (size_t)n, err) < 0)
			return error_wrap(err, "write '%s'", path);
	}
	if (fchmod(fd, executable ? 0755 : 0644) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "chmod '%s'", path);
	return 0;
}

static int write_link(struct untar *u, const char *path, const char *target, struct error *err)
{
	_cleanup_free_ char *above = xstrdup(path);
	_cleanup_close_ int at = -1;
	char *slash = strrchr(above, '/');
	const char *name = slash ? path + (slash - above) + 1 : path;
	int depth = target ? untar_link_depth(path, target) : -1;

	if (depth < 0)
		return error_set(err, ERROR_INVALID, 0, "the link '%s' points out of the archive",
				 path);
	if (make_folders(u->dirfd, path, true, err) < 0)
		return -1;
	if (slash)
		*slash = '\0';
	at = file_open_beneath(u->dirfd, slash ? above : ".", O_RDONLY | O_DIRECTORY, 0, true, err);
	if (at < 0)
		return -1;
	if (symlinkat(target, at, name) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make link '%s'", path);
	u->root_link |= depth == 0;
	return 0;
}

static int untar_entry(struct untar *u, struct archive *a, struct archive_entry *entry,
		       struct error *err)
{
	const char *name = archive_entry_pathname(entry);
	char path[UNTAR_MAX_PATH + 1];

	if (!name)
		return error_set(err, ERROR_INVALID, 0,
				 "the archive holds a name that is not text");
	while (u->rooted && *name == '/')
		name++;
	if (untar_path(name, path, err) < 0)
		return -1;
	if (++u->entries > UNTAR_MAX_ENTRIES)
		return error_set(err, ERROR_INVALID, 0, "the archive has more than %u files",
				 UNTAR_MAX_ENTRIES);
	if (archive_entry_hardlink(entry))
		return error_set(err, ERROR_INVALID, 0, "'%s' is a hard link: not allowed", path);
	if (archive_entry_filetype(entry) == AE_IFDIR)
		return make_folders(u->dirfd, path, false, err);
	if (!path[0])
		return error_set(err, ERROR_INVALID, 0, "the archive holds a file without a name");
	if (archive_entry_filetype(entry) == AE_IFREG)
		return write_file(u, a, path, (archive_entry_perm(entry) & 0111) != 0, err);
	if (archive_entry_filetype(entry) == AE_IFLNK)
		return write_link(u, path, archive_entry_symlink(entry), err);
	return error_set(err, ERROR_INVALID, 0, "'%s' is a device, pipe or socket: not allowed",
			 path);
}

static int read_archive(struct untar *u, int fd, struct error *err)
{
	_cleanup_(reader_free) struct archive *a = archive_read_new();
	unsigned before = u->entries;

	if (!a)
		return error_set(err, ERROR_FAILED, 0, "no memory to unpack with");
	archive_read_support_format_tar(a);
	archive_read_support_format_zip(a);
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_zstd(a);
	if (archive_read_open_fd(a, fd, 65536) != ARCHIVE_OK)
		return error_set(err, ERROR_INVALID, 0, "not a tar or zip archive: %s",
				 archive_error_string(a));
	for (;;) {
		struct archive_entry *entry = NULL;
		int ret = archive_read_next_header(a, &entry);

		if (ret == ARCHIVE_EOF)
			break;
		if (ret != ARCHIVE_OK)
			return error_set(err, ERROR_INVALID, 0, "the archive is damaged: %s",
					 archive_error_string(a));
		if (untar_entry(u, a, entry, err) < 0)
			return -1;
	}
	if (u->entries == before)
		return error_set(err, ERROR_INVALID, 0, "the archive is empty");
	return 0;
}

int untar(int fd, int dirfd, bool *out_root_link, struct error *err)
{
	struct untar u = {.dirfd = dirfd};

	if (read_archive(&u, fd, err) < 0)
		return -1;
	*out_root_link = u.root_link;
	return 0;
}

int untar_layers(const int *fds, size_t n, int dirfd, bool *out_root_link, struct error *err)
{
	struct untar u = {.dirfd = dirfd, .rooted = true};

	for (size_t i = 0; i < n; i++)
		if (read_archive(&u, fds[i], err) < 0)
			return -1;
	*out_root_link = u.root_link;
	return 0;
}

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

char *untar_lone_folder(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(close_dir) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	_cleanup_free_ char *only = NULL;
	struct stat st;

	if (!dir) {
		close_fd(fd);
		return NULL;
	}
	for (struct dirent *e; (e = readdir(dir));) {
		if (str_equal(e->d_name, ".") || str_equal(e->d_name, ".."))
			continue;
		if (only)
			return NULL;
		only = xstrdup(e->d_name);
	}
	if (!only || fstatat(dirfd, only, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return NULL;
	return TAKE_PTR(only);
}
