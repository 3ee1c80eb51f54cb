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
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "base/strvec.h"
#include "buildpacks/dockerignore.h"

static struct {
	int root;
	bool digest, keep_owner, unpack;
	struct dockerignore ignore;
	unsigned n_temporary;
} from = {.ignore = DOCKERIGNORE_INIT};

static int open_in_root(const char *path, uint64_t flags)
{
	struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};

	return (int)syscall(SYS_openat2, from.root, *path ? path : ".", &how, sizeof(how));
}

static void put(const void *data, size_t len)
{
	if (fwrite(data, 1, len, stdout) != len)
		copy_die("write");
}

static void put_head(enum copy_kind kind, const char *name, const struct stat *st, bool keep)
{
	struct copy_head h = {.kind = kind, .name_len = (uint32_t)strlen(name)};

	keep = keep || from.keep_owner;
	if (st) {
		h.mode = st->st_mode & 07777;
		h.uid = keep ? st->st_uid : 0;
		h.gid = keep ? st->st_gid : 0;
		/* the same content is the same, whenever it was written */
		h.mtime = from.digest ? 0 : st->st_mtime;
		h.size = S_ISDIR(st->st_mode) ? 0 : (uint64_t)st->st_size;
	}
	put(&h, sizeof(h));
	put(name, h.name_len);
}

static void send_file(int fd, const char *name, const struct stat *st, bool keep)
{
	static char buf[1 << 16];
	uint64_t left = (uint64_t)st->st_size;

	put_head(COPY_FILE, name, st, keep);
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
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int no_dots(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

static bool left_out(const char *path)
{
	return *path && dockerignore_has(&from.ignore, path);
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
	bool out = left_out(path);
	/* what a container has of its own (/proc, /etc/hosts) is no part of its image */
	bool foreign = mount_of(fd, entry) != mount_of(fd, "");
	if (foreign && !S_ISDIR(st.st_mode))
		return;
	if (S_ISDIR(st.st_mode)) {
		if (out && !from.ignore.takes_back)
			return;
		_cleanup_close_ int sub =
			openat(fd, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub < 0)
			copy_die("open '%s'", path);
		if (!out)
			put_head(COPY_FOLDER, name, &st, keep);
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

static bool runs(char *const argv[])
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);
		dup2(null, 0);
		dup2(2, 1);
		execvp(argv[0], argv);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

static char *make_temporary(void)
{
	char *folder = xasprintf("/tmp/.berth-add.%u", from.n_temporary++);

	if (mkdir(folder, 0755) < 0)
		copy_die("make '%s'", folder);
	return folder;
}

/* What ADD unpacks: tar, plain or compressed. */
static bool is_archive(int fd)
{
	static const struct {
		size_t offset, len;
		const char *magic;
	} known[] = {{0, 2, "\x1f\x8b"},
		     {0, 3, "BZh"},
		     {0, 6,
		      "\xfd"
		      "7zXZ\0"},
		     {0, 4, "\x28\xb5\x2f\xfd"},
		     {257, 5, "ustar"}};
	char buf[512] = "";

	if (pread(fd, buf, sizeof(buf), 0) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (memcmp(buf + known[i].offset, known[i].magic, known[i].len) == 0)
			return true;
	return false;
}

/* Whether FD was an archive, which then is sent unpacked. */
static bool send_unpacked(int fd)
{
	struct stat st;

	if (!from.unpack || !is_archive(fd))
		return false;
	_cleanup_free_ char *folder = make_temporary();
	_cleanup_free_ char *file = xasprintf("/proc/self/fd/%d", fcntl(fd, F_DUPFD, 10));
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	strvec_push(&argv, "tar");
	strvec_push(&argv, "-xpf");
	strvec_push(&argv, file);
	strvec_push(&argv, "-C");
	strvec_push(&argv, folder);
	if (!runs(argv.v))
		return false;
	_cleanup_close_ int sub = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sub < 0 || fstat(sub, &st) < 0)
		copy_die("open '%s'", folder);
	put_head(COPY_FROM_FOLDER, "", &st, true);
	/* .dockerignore is about the source, not about what its archives hold */
	struct dockerignore saved = from.ignore;
	from.ignore = (struct dockerignore)DOCKERIGNORE_INIT;
	send_folder(sub, "", "", true);
	from.ignore = saved;
	return true;
}

static bool send_source(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct stat st;
	bool out = left_out(path);
	_cleanup_close_ int fd = open_in_root(path, O_RDONLY | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	if (out && (!S_ISDIR(st.st_mode) || !from.ignore.takes_back))
		return false;
	if (S_ISDIR(st.st_mode)) {
		put_head(COPY_FROM_FOLDER, "", &st, false);
		send_folder(fd, "", path, false);
		return true;
	}
	if (!S_ISREG(st.st_mode)) {
		errno = 0;
		copy_die("'%s' is neither a file nor a folder", path);
	}
	if (send_unpacked(fd))
		return true;
	put_head(COPY_FROM_FILE, "", NULL, false);
	send_file(fd, slash ? slash + 1 : path, &st, false);
	return true;
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
	if (!strpbrk(part, "*?[\\")) {
		_cleanup_free_ char *path = below(folder, part);
		return send_pattern(path, rest);
	}
	_cleanup_close_ int fd = open_in_root(folder, O_RDONLY | O_DIRECTORY);
	int n = fd < 0 ? -1 : scandirat(fd, ".", &list, no_dots, by_name);
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *path = below(folder, list[i]->d_name);
		if (dockerignore_match(part, list[i]->d_name, false))
			found += send_pattern(path, rest);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	return found;
}

static void send_url(const char *url)
{
	_cleanup_free_ char *path = xstrndup(url, strcspn(url, "?#"));
	const char *slash = strrchr(path, '/'), *name = slash[1] ? slash + 1 : "index.html";
	_cleanup_free_ char *folder = make_temporary();
	_cleanup_free_ char *file = xasprintf("%s/%s", folder, name);
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	struct stat st;

	strvec_push(&argv, "curl");
	strvec_push(&argv, "-fsSL");
	strvec_push(&argv, "--proto");
	strvec_push(&argv, "=http,https");
	strvec_push(&argv, "-o");
	strvec_push(&argv, file);
	strvec_push(&argv, "--");
	strvec_push(&argv, url);
	errno = 0;
	if (!runs(argv.v))
		copy_die("get '%s' with curl", url);
	_cleanup_close_ int fd = open(file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		copy_die("open '%s'", file);
	st.st_mode = S_IFREG | 0600;
	put_head(COPY_FROM_FILE, "", NULL, false);
	send_file(fd, name, &st, false);
}

static void read_ignore(const char *name)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;
	_cleanup_close_ int fd = open_in_root(name, O_RDONLY | O_NONBLOCK);

	if (fd < 0)
		return;
	strbuf_cap(&text, DOCKERIGNORE_FILE_MAX + 1);
	if (strbuf_read_fd(&text, fd, &err) < 0 ||
	    dockerignore_parse(&from.ignore, text.data, text.len, &err) < 0) {
		errno = 0;
		copy_die("%s: %s", name, err.message);
	}
}

int copy_send(char **argv)
{
	const char *root = "/", *value;

	for (; *argv && strcmp(*argv, "--") != 0; argv++) {
		struct error err = ERROR_INIT;
		if ((value = str_skip(*argv, "--root=")))
			root = value;
		else if (strcmp(*argv, "--digest") == 0)
			from.digest = true;
		else if (strcmp(*argv, "--keep-owner") == 0)
			from.keep_owner = true;
		else if (strcmp(*argv, "--unpack") == 0)
			from.unpack = true;
		else if ((value = str_skip(*argv, "--exclude=")) &&
			 dockerignore_parse(&from.ignore, value, strlen(value), &err) < 0)
			copy_die("--exclude %s", err.message);
	}
	from.root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (from.root < 0)
		copy_die("open '%s'", root);
	if (strcmp(root, "/") != 0)
		read_ignore(".dockerignore");
	for (; *argv && *++argv;) {
		if (str_starts(*argv, "http://") || str_starts(*argv, "https://")) {
			send_url(*argv);
			continue;
		}
		_cleanup_free_ char *pattern = copy_clean(*argv);
		if (send_pattern("", pattern) == 0) {
			errno = 0;
			copy_die("'%s' is not there%s", *argv,
				 from.ignore.patterns.n ? ", or left out by .dockerignore" : "");
		}
	}
	put_head(COPY_END, "", NULL, false);
	return fflush(stdout) == 0 ? 0 : 1;
}
