/* SPDX-License-Identifier: MIT */
#include "buildpacks/copywire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/attribute.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "base/strvec.h"
#include "buildpacks/copyfetch.h"
#include "buildpacks/copylinks.h"
#include "buildpacks/dockerignore.h"
#include "buildpacks/dockersource.h"

static struct {
	int root;
	bool digest, keep_owner, add, parents, unpack_local, unpack_remote;
	const char *docs;                    /* the folder of the heredocs */
	struct dockerignore ignore, exclude; /* of the source; of this COPY */
	bool pattern;                        /* the source is one */
	size_t pivot;                        /* parts of a path that --parents leaves out */
	struct copy_fetch fetch;
} from = {.ignore = DOCKERIGNORE_INIT, .exclude = DOCKERIGNORE_INIT, .unpack_local = true};

static int open_in_root(const char *path, uint64_t flags)
{
	return file_resolve(from.root, *path ? path : ".", flags, 0, RESOLVE_IN_ROOT);
}

static void put(const void *data, size_t len)
{
	if (fwrite(data, 1, len, stdout) != len)
		copy_die("write");
}

static void put_record(struct copy_head h, const char *name, const struct stat *st, bool keep)
{
	h.name_len = (uint32_t)strlen(name);
	keep = keep || from.keep_owner;
	if (st) {
		h.mode = st->st_mode & 07777;
		h.uid = keep ? st->st_uid : 0;
		h.gid = keep ? st->st_gid : 0;
		/* the same content is the same, whenever it was written */
		h.mtime = from.digest ? 0 : st->st_mtime;
		h.size = S_ISREG(st->st_mode) || S_ISLNK(st->st_mode) ? (uint64_t)st->st_size : 0;
	}
	put(&h, sizeof(h));
	put(name, h.name_len);
}

static void put_head(enum copy_kind kind, const char *name, const struct stat *st, bool keep)
{
	put_record((struct copy_head){.kind = kind}, name, st, keep);
}

/* Begins a source. */
static void put_from(enum copy_kind kind, const struct stat *st, bool keep)
{
	copylinks_begin();
	put_head(kind, "", st, keep);
}

static void send_attribute(int fd, const char *name, const char *of)
{
	static char value[COPY_ATTRIBUTE_SIZE];
	ssize_t size = fgetxattr(fd, name, value, sizeof(value));

	/* capabilities that another user namespace gave mean nothing in this one */
	if (size < 0 && (errno == ENODATA || errno == EOVERFLOW))
		return;
	if (size < 0)
		copy_die("read the attribute '%s' of '%s'", name, of);
	put_record((struct copy_head){.kind = COPY_ATTRIBUTE, .size = (uint64_t)size}, name, NULL,
		   false);
	put(value, (size_t)size);
}

/* In the order of their names: the kernel's is that of how they are stored. */
static void send_attributes(int fd, const char *of)
{
	static char names[XATTR_LIST_MAX];
	_cleanup_strvec_ struct strvec kept = STRVEC_INIT;
	ssize_t n = flistxattr(fd, names, sizeof(names));

	if (n < 0 && errno != EOPNOTSUPP)
		copy_die("list the attributes of '%s'", of);
	for (const char *p = names; n > 0 && p < names + n; p += strlen(p) + 1)
		if (attribute_is_kept(p))
			strvec_push(&kept, p);
	errno = 0;
	if (kept.n > COPY_ATTRIBUTES_MAX)
		copy_die("'%s' has more than %d attributes", of, COPY_ATTRIBUTES_MAX);
	strvec_sort(&kept);
	for (size_t i = 0; i < kept.n; i++)
		send_attribute(fd, kept.v[i], of);
}

static void send_folder_head(int fd, const char *name, const struct stat *st, bool keep)
{
	put_head(COPY_FOLDER, name, st, keep);
	send_attributes(fd, name);
}

static void send_file(int fd, const char *name, const struct stat *st, bool keep)
{
	static char buf[1 << 16];
	uint64_t left = (uint64_t)st->st_size;
	uint32_t link;

	if (copylinks_met(st, from.digest, &link)) {
		put_record((struct copy_head){.kind = COPY_SAME, .link = link}, name, NULL, false);
		return;
	}
	put_record((struct copy_head){.kind = COPY_FILE, .link = link}, name, st, keep);
	while (left > 0) {
		ssize_t n = read(fd, buf, left < sizeof(buf) ? left : sizeof(buf));
		if (n < 0)
			copy_die("read '%s'", name);
		if (n == 0) {
			errno = 0;
			copy_die("'%s' shrank while it was read", name);
		}
		put(buf, (size_t)n);
		left -= (uint64_t)n;
	}
	send_attributes(fd, name);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int no_dots(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

static bool is_ignored(const char *path)
{
	return *path && dockerignore_has(&from.ignore, path);
}

/* NAME is what the receiver is told: a path below the source. */
static bool is_excluded(const char *name)
{
	return *name && dockerignore_has(&from.exclude, name);
}

/* Something in a folder that is left out may not be. */
static bool takes_back(void)
{
	return from.ignore.takes_back || from.exclude.takes_back;
}

static void send_folder(int fd, const char *name, const char *path, bool keep);

/* Which mount ENTRY of the folder FD is in; "" is that itself. */
static uint64_t mount_of(int fd, const char *entry)
{
	struct statx sx;

	return statx(fd, entry, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, STATX_MNT_ID, &sx) == 0
		       ? sx.stx_mnt_id
		       : 0;
}

/* ENTRY of the folder FD; NAME is its path below the source, PATH below the root. */
static void send_entry(int fd, const char *entry, const char *name, const char *path, bool keep)
{
	struct stat st;
	char target[PATH_MAX];

	if (fstatat(fd, entry, &st, AT_SYMLINK_NOFOLLOW) < 0)
		copy_die("look at '%s'", path);
	/* one list does not take back what the other leaves out */
	bool out = is_ignored(path) || is_excluded(name);
	/* what a container has of its own (/proc, /etc/hosts) is no part of its image */
	bool foreign = mount_of(fd, entry) != mount_of(fd, "");
	if (foreign && !S_ISDIR(st.st_mode))
		return;
	if (S_ISDIR(st.st_mode)) {
		if (out && !takes_back())
			return;
		_cleanup_close_ int sub =
			openat(fd, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub < 0)
			copy_die("open '%s'", path);
		if (!out)
			send_folder_head(sub, name, &st, keep);
		if (!foreign)
			send_folder(sub, name, path, keep);
	} else if (out) {
		return;
	} else if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlinkat(fd, entry, target, sizeof(target));
		if (n < 0)
			copy_die("read link '%s'", path);
		st.st_size = n;
		put_head(COPY_LINK, name, &st, keep);
		put(target, (size_t)n);
	} else if (S_ISFIFO(st.st_mode)) {
		put_head(COPY_PIPE, name, &st, keep);
	} else if (S_ISREG(st.st_mode)) {
		_cleanup_close_ int file = openat(fd, entry, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (file < 0 || fstat(file, &st) < 0)
			copy_die("open '%s'", path);
		send_file(file, name, &st, keep);
	}
}

static char *below(const char *folder, const char *name)
{
	return *folder ? xasprintf("%s/%s", folder, name) : xstrdup(name);
}

static void send_folder(int fd, const char *name, const char *path, bool keep)
{
	struct dirent **list;
	int n = scandirat(fd, ".", &list, no_dots, by_name);

	if (n < 0)
		copy_die("list '%s'", path);
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *sub_name = below(name, list[i]->d_name);
		_cleanup_free_ char *sub_path = below(path, list[i]->d_name);
		send_entry(fd, list[i]->d_name, sub_name, sub_path, keep);
		free(list[i]);
	}
	free(list);
}

/* All of FOLDER, which is not of the source: .dockerignore says nothing about it. */
static void send_fetched(const char *folder, bool keep, bool git)
{
	struct dockerignore saved = from.ignore;
	struct error err = ERROR_INIT;
	struct stat st;
	_cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		copy_die("open '%s'", folder);
	from.ignore = (struct dockerignore)DOCKERIGNORE_INIT;
	if (git)
		dockerignore_parse(&from.ignore, "**/.git", 7, &err);
	put_from(COPY_FROM_FOLDER, &st, keep);
	send_folder(fd, "", "", keep);
	dockerignore_release(&from.ignore);
	from.ignore = saved;
}

/* The folders that PATH is in, from the pivot on. */
static void send_parents(const char *path)
{
	size_t part = 0, start = 0;

	put_from(COPY_FROM_FOLDER, NULL, false);
	for (size_t i = 0; path[i]; i++) {
		if (path[i] != '/')
			continue;
		if (++part <= from.pivot) {
			start = i + 1;
			continue;
		}
		_cleanup_free_ char *folder = xstrndup(path, i);
		struct stat st;
		_cleanup_close_ int fd = open_in_root(folder, O_RDONLY | O_DIRECTORY);
		if (fd < 0 || fstat(fd, &st) < 0)
			copy_die("open '%s'", folder);
		send_folder_head(fd, folder + start, &st, false);
	}
}

/* PATH without the parts that --parents leaves out. */
static const char *from_pivot(const char *path)
{
	for (size_t part = 0; part < from.pivot && *path; part++)
		path += strcspn(path, "/") + (path[strcspn(path, "/")] == '/');
	return path;
}

static void send_with_parents(int fd, const char *path, const struct stat *st)
{
	const char *name = from_pivot(path);

	send_parents(path);
	if (S_ISDIR(st->st_mode)) {
		if (*name)
			send_folder_head(fd, name, st, false);
		send_folder(fd, name, path, false);
	} else {
		send_file(fd, name, st, false);
	}
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* A folder that was named is meant, whatever is excluded in it; one that a pattern found may be
 * excluded as a file may. */
static bool is_source_excluded(const char *path, bool folder)
{
	if (from.parents)
		return is_excluded(from_pivot(path)) && !(folder && takes_back());
	return (!folder || (from.pattern && !takes_back())) &&
	       (is_excluded(last_part(path)) || is_excluded(path));
}

/* Whether there is such a source; what is ignored is none. */
static bool send_source(const char *path)
{
	struct stat st;
	_cleanup_close_ int fd = open_in_root(path, O_RDONLY | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	if (is_ignored(path) && !(S_ISDIR(st.st_mode) && takes_back()))
		return false;
	if (is_source_excluded(path, S_ISDIR(st.st_mode)))
		return true;
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) {
		errno = 0;
		copy_die("'%s' is neither a file nor a folder", path);
	}
	if (from.parents) {
		send_with_parents(fd, path, &st);
		return true;
	}
	if (S_ISDIR(st.st_mode)) {
		put_from(COPY_FROM_FOLDER, &st, false);
		send_folder(fd, "", path, false);
		return true;
	}
	_cleanup_free_ char *unpacked =
		from.add && from.unpack_local ? copy_unpack(&from.fetch, fd, path) : NULL;
	if (unpacked) {
		send_fetched(unpacked, true, false);
		return true;
	}
	put_from(COPY_FROM_FILE, NULL, false);
	send_file(fd, last_part(path), &st, false);
	return true;
}

static bool is_folder(const char *path)
{
	struct stat st;
	_cleanup_close_ int fd = open_in_root(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

	return fd >= 0 && fstat(fd, &st) == 0;
}

static bool is_pattern(const char *s)
{
	return strpbrk(s, "*?[\\");
}

/* Sends what PATTERN fits below COPY_FOLDER; the number of sources. */
static unsigned send_pattern(const char *folder, const char *pattern)
{
	size_t len = strcspn(pattern, "/");
	_cleanup_free_ char *part = xstrndup(pattern, len);
	const char *rest = pattern + len + (pattern[len] == '/');
	unsigned found = 0;
	struct dirent **list;

	if (!*pattern)
		return send_source(folder);
	bool any = from.parents && str_equal(part, "**");
	if (any && *rest)
		found += send_pattern(folder, rest);
	if (!is_pattern(part)) {
		_cleanup_free_ char *path = below(folder, part);
		return send_pattern(path, rest);
	}
	_cleanup_close_ int fd = open_in_root(folder, O_RDONLY | O_DIRECTORY);
	int n = fd < 0 ? -1 : scandirat(fd, ".", &list, no_dots, by_name);
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *path = below(folder, list[i]->d_name);
		if (any && *rest)
			found += is_folder(path) ? send_pattern(path, pattern) : 0;
		else if (dockerignore_match(part, list[i]->d_name, false))
			found += send_pattern(path, rest);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	return found;
}

static void send_doc(const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", from.docs, name);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		copy_die("open '%s'", path);
	st.st_mode = S_IFREG | 0644;
	put_from(COPY_FROM_FILE, NULL, false);
	send_file(fd, name, &st, false);
}

static void send_url(const char *url)
{
	_cleanup_free_ char *file = copy_get(&from.fetch, url);
	_cleanup_close_ int fd = open(file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		copy_die("open '%s'", file);
	_cleanup_free_ char *unpacked =
		from.unpack_remote ? copy_unpack(&from.fetch, fd, url) : NULL;
	if (unpacked) {
		send_fetched(unpacked, true, false);
		return;
	}
	st.st_mode = S_IFREG | 0600;
	put_from(COPY_FROM_FILE, NULL, false);
	send_file(fd, strrchr(file, '/') + 1, &st, false);
}

/* The patterns of the first of NAMES (NULL ends them) that is there. */
static void read_ignore(const char *const *names)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;
	_cleanup_close_ int fd = -1;

	for (; fd < 0 && *names; names++)
		fd = open_in_root(*names, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return;
	strbuf_cap(&text, DOCKERIGNORE_FILE_MAX + 1);
	if (strbuf_read_fd(&text, fd, &err) < 0 ||
	    dockerignore_parse(&from.ignore, text.data, text.len, &err) < 0) {
		errno = 0;
		copy_die("%s: %s", names[-1], err.message);
	}
}

/* "a/./b": how many parts lie before the dot. */
static size_t find_pivot(const char *source)
{
	const char *dot = strstr(source, "/./");
	size_t n = 0;

	if (!dot)
		return 0;
	_cleanup_free_ char *before = xstrndup(source, (size_t)(dot - source));
	_cleanup_free_ char *clean = copy_clean(before);
	for (const char *s = clean; *s; s++)
		n += s == clean || s[-1] == '/';
	return n;
}

static void send_one(const char *source)
{
	const char *doc = from.docs ? str_skip(source, "<<") : NULL;

	if (doc) {
		send_doc(doc);
		return;
	}
	if (from.add && docker_source_is_git(source)) {
		_cleanup_free_ char *folder = copy_clone(&from.fetch, source);
		send_fetched(folder, false, !from.fetch.keep_git);
		return;
	}
	if (from.add && docker_source_is_url(source)) {
		send_url(source);
		return;
	}
	_cleanup_free_ char *pattern = copy_clean(source);
	from.pattern = is_pattern(pattern);
	from.pivot = find_pivot(source);
	if (send_pattern("", pattern) == 0) {
		errno = 0;
		copy_die("'%s' is not there%s", source,
			 from.ignore.patterns.n ? ", or left out by .dockerignore" : "");
	}
}

static void read_option(const char *option, const char **root, const char **ignore)
{
	const char *value;
	struct error err = ERROR_INIT;

	if ((value = str_skip(option, "--root=")))
		*root = value;
	else if ((value = str_skip(option, "--ignore=")))
		*ignore = value;
	else if ((value = str_skip(option, "--docs=")))
		from.docs = value;
	else if ((value = str_skip(option, "--checksum=")))
		from.fetch.checksum = value;
	else if ((value = str_skip(option, "--unpack=")))
		from.unpack_local = from.unpack_remote = str_equal(value, "true");
	else if (str_equal(option, "--digest"))
		from.digest = true;
	else if (str_equal(option, "--keep-owner"))
		from.keep_owner = true;
	else if (str_equal(option, "--add"))
		from.add = true;
	else if (str_equal(option, "--parents"))
		from.parents = true;
	else if (str_equal(option, "--keep-git"))
		from.fetch.keep_git = true;
	else if ((value = str_skip(option, "--exclude=")) &&
		 dockerignore_parse(&from.exclude, value, strlen(value), &err) < 0)
		copy_die("--exclude %s", err.message);
}

int copy_send(char **argv)
{
	const char *root = "/", *ignore = NULL;

	for (; *argv && strcmp(*argv, "--") != 0; argv++)
		read_option(*argv, &root, &ignore);
	from.root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (from.root < 0)
		copy_die("open '%s'", root);
	if (ignore)
		read_ignore((const char *const[]){ignore, ".dockerignore", NULL});
	for (; *argv && *++argv;)
		send_one(*argv);
	put_head(COPY_END, "", NULL, false);
	return fflush(stdout) == 0 ? 0 : 1;
}
