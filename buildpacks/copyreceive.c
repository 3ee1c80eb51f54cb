/* SPDX-License-Identifier: MIT */
#include "buildpacks/copywire.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/attribute.h"
#include "base/cleanup.h"
#include "base/strbuf.h"
#include "base/strvec.h"
#include "buildpacks/dockermode.h"
#include "runtime/identity.h"

#define LINKS_FOLLOWED 40 /* as by the kernel */

static struct {
	const char *dest;
	bool into;        /* dest is a folder */
	long uid, gid;    /* -1: as sent */
	const char *mode; /* NULL: as sent */
} to = {.uid = -1, .gid = -1};

/* Where a file with more names than one was put, and what it is: a name that leads elsewhere by now
 * is no other name of it. */
struct made {
	char *path;
	dev_t dev;
	ino_t ino;
};

static struct {
	struct made *v;
	uint32_t n;
} made;

/* What was made last, to which attributes belong; -1: nothing that takes some. */
static int last = -1;

static void set_last(int fd)
{
	close_fd(last);
	last = fd;
}

static void get(void *data, size_t len)
{
	errno = 0;
	if (fread(data, 1, len, stdin) != len)
		copy_die("what is copied was cut short");
}

/* Makes PATH and its parents. */
static void make_folders(const char *path)
{
	_cleanup_free_ char *part = xstrdup(path);
	struct stat st;

	for (char *p = part + 1;; p++) {
		if (*p != '/' && *p)
			continue;
		char c = *p;
		*p = '\0';
		if (mkdir(part, 0755) == 0) {
			if (to.uid >= 0 && chown(part, (uid_t)to.uid, (gid_t)to.gid) < 0)
				copy_die("own '%s'", part);
		} else if (errno != EEXIST || stat(part, &st) < 0 || !S_ISDIR(st.st_mode)) {
			copy_die("make folder '%s'", part);
		}
		*p = c;
		if (!c)
			return;
	}
}

static void make_parents(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == path)
		return;
	_cleanup_free_ char *folder = xstrndup(path, (size_t)(slash - path));
	make_folders(folder);
}

static void set_meta(int fd, const char *path, const struct copy_head *h)
{
	bool folder = h->kind == COPY_FOLDER;
	mode_t sent = (mode_t)h->mode & 07777;
	mode_t mode = to.mode ? docker_mode_apply(to.mode, sent, folder) : sent;
	struct timespec times[2] = {{h->mtime, 0}, {h->mtime, 0}};

	if (fchown(fd, to.uid >= 0 ? (uid_t)to.uid : h->uid, to.gid >= 0 ? (gid_t)to.gid : h->gid) <
		    0 ||
	    fchmod(fd, mode) < 0 || futimens(fd, times) < 0)
		copy_die("set owner, mode and time of '%s'", path);
}

static void remove_old(const char *path)
{
	if (unlink(path) < 0 && errno != ENOENT)
		copy_die("replace '%s'", path);
}

/* The number of a file says which of those that have one it is, so they come in order. */
static void note_made(int fd, const char *path, uint32_t link)
{
	struct stat st;

	errno = 0;
	if (link != made.n + 1 || link > COPY_LINKS_MAX)
		copy_die("'%s' has the number %u", path, link);
	if (fstat(fd, &st) < 0)
		copy_die("look at '%s'", path);
	made.v = xreallocarray(made.v, link, sizeof(*made.v));
	made.v[made.n++] = (struct made){xstrdup(path), st.st_dev, st.st_ino};
}

static void write_all(int fd, const char *path, const char *data, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t w = write(fd, data + done, n - done);
		if (w < 0)
			copy_die("write '%s'", path);
		done += (size_t)w;
	}
}

static void receive_content(int fd, const char *path, uint64_t size)
{
	static const char zeros[1 << 16];
	static char buf[sizeof(zeros)];

	for (uint64_t left = size; left > 0;) {
		size_t n = left < sizeof(buf) ? left : sizeof(buf);
		get(buf, n);
		/* a hole stays one */
		if (memcmp(buf, zeros, n) != 0)
			write_all(fd, path, buf, n);
		else if (lseek(fd, (off_t)n, SEEK_CUR) < 0)
			copy_die("write '%s'", path);
		left -= n;
	}
	if (ftruncate(fd, (off_t)size) < 0)
		copy_die("write '%s'", path);
}

static void receive_file(const char *path, const struct copy_head *h)
{
	make_parents(path);
	remove_old(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		copy_die("create '%s'", path);
	receive_content(fd, path, h->size);
	set_meta(fd, path, h);
	if (h->link)
		note_made(fd, path, h->link);
	set_last(fd);
}

static void receive_pipe(const char *path, const struct copy_head *h)
{
	make_parents(path);
	remove_old(path);
	if (mkfifo(path, 0600) < 0)
		copy_die("make the pipe '%s'", path);
	/* both ends: it waits for nobody */
	_cleanup_close_ int fd = open(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		copy_die("open '%s'", path);
	set_meta(fd, path, h);
}

static bool is_same(const struct stat *st, const struct made *m)
{
	return st->st_dev == m->dev && st->st_ino == m->ino;
}

static void receive_same(const char *path, const struct copy_head *h)
{
	struct stat st;
	char here[64];

	errno = 0;
	if (h->link == 0 || h->link > made.n)
		copy_die("'%s' is another name of nothing", path);
	const struct made *m = &made.v[h->link - 1];
	_cleanup_close_ int fd = open(m->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		copy_die("open '%s'", m->path);
	errno = 0;
	if (!is_same(&st, m))
		copy_die("'%s' was replaced by something else that is copied", m->path);
	make_parents(path);
	/* both names are one where the image has a link for a folder */
	if (lstat(path, &st) == 0 && is_same(&st, m))
		return;
	remove_old(path);
	snprintf(here, sizeof(here), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, here, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0)
		copy_die("link '%s' to '%s'", path, m->path);
}

/* Of a folder that was there before the attributes stay as they are, as its owner does. */
static void receive_attribute(const char *name, const struct copy_head *h)
{
	static char value[COPY_ATTRIBUTE_SIZE];

	errno = 0;
	if (h->size > sizeof(value) || !attribute_is_kept(name))
		copy_die("the attribute '%s' is none that is copied", name);
	get(value, h->size);
	if (last >= 0 && fsetxattr(last, name, value, h->size, 0) < 0 && errno != EOPNOTSUPP)
		copy_die("set the attribute '%s'", name);
}

static void receive_link(const char *path, const struct copy_head *h)
{
	char target[PATH_MAX];

	if (h->size >= sizeof(target)) {
		errno = 0;
		copy_die("link '%s' is too long", path);
	}
	get(target, h->size);
	target[h->size] = '\0';
	make_parents(path);
	remove_old(path);
	if (symlink(target, path) < 0 || lchown(path, to.uid >= 0 ? (uid_t)to.uid : h->uid,
						to.gid >= 0 ? (gid_t)to.gid : h->gid) < 0)
		copy_die("make link '%s'", path);
}

static void receive_folder(const char *path, const struct copy_head *h)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return;
	make_parents(path);
	if (mkdir(path, 0755) < 0)
		copy_die("make folder '%s'", path);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		copy_die("open '%s'", path);
	set_meta(fd, path, h);
	set_last(fd);
}

/* Names come from a container of the same build, and yet those of files stay below the destination.
 */
static char *read_name(const struct copy_head *h)
{
	char name[PATH_MAX];

	if (h->name_len >= sizeof(name)) {
		errno = 0;
		copy_die("a name is too long");
	}
	get(name, h->name_len);
	name[h->name_len] = '\0';
	return h->kind == COPY_ATTRIBUTE ? xstrdup(name) : copy_clean(name);
}

static void receive_entry(const char *path, const struct copy_head *h)
{
	set_last(-1);
	if (h->kind == COPY_FOLDER)
		receive_folder(path, h);
	else if (h->kind == COPY_FILE)
		receive_file(path, h);
	else if (h->kind == COPY_LINK)
		receive_link(path, h);
	else if (h->kind == COPY_PIPE)
		receive_pipe(path, h);
	else if (h->kind == COPY_SAME)
		receive_same(path, h);
}

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* In the folder that PATH is in: NAME, or NAME itself when it is absolute. */
static char *beside(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return *name == '/' ? xstrdup(name) : xasprintf("%.*s/%s", (int)(slash - path), path, name);
}

/* Whether PATH would be in a mount that is the container's, such as /dev, not in the layer. */
static bool is_foreign(const char *path)
{
	_cleanup_free_ char *folder = beside(path, ".");
	struct stat st, root;

	return stat(folder, &st) == 0 && stat("/", &root) == 0 && st.st_dev != root.st_dev;
}

/* Where a file goes that is named PATH: where a link of the image there leads, also to nothing yet.
 */
static char *follow(const char *path)
{
	_cleanup_free_ char *at = xstrdup(path);
	char target[PATH_MAX];

	for (int i = 0; i < LINKS_FOLLOWED; i++) {
		ssize_t n = readlink(at, target, sizeof(target) - 1);
		if (n < 0)
			return xstrdup(is_foreign(at) ? path : at);
		target[n] = '\0';
		char *next = beside(at, target);
		free(at);
		at = next;
	}
	errno = ELOOP;
	copy_die("follow '%s'", path);
}

static void find_owner(const char *owner)
{
	_cleanup_close_ int passwd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int group = open("/etc/group", O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = xstrdup(owner);
	static struct identity id;

	errno = EINVAL;
	if (identity_is_user(text)) {
		errno = identity_find(text, passwd, group, &id);
		/* "1000" is the group 1000 too */
		if (!errno && strspn(text, "0123456789") == strlen(text))
			id.gid = id.uid;
	}
	if (errno == ENOENT) {
		errno = 0; /* no file is meant */
		copy_die("the image has no user or group '%s'", owner);
	}
	if (errno)
		copy_die("owner '%s'", owner);
	to.uid = id.uid;
	to.gid = id.gid;
}

int copy_receive(char **argv)
{
	const char *value;
	bool one_file = false;

	for (; *argv; argv++) {
		if ((value = str_skip(*argv, "--to=")))
			to.dest = value;
		else if (strcmp(*argv, "--into") == 0)
			to.into = true;
		else if ((value = str_skip(*argv, "--chown=")))
			find_owner(value);
		else if ((value = str_skip(*argv, "--chmod=")))
			to.mode = value;
	}
	for (;;) {
		struct copy_head h;
		get(&h, sizeof(h));
		_cleanup_free_ char *name = read_name(&h);
		if (h.kind == COPY_END)
			return 0;
		if (h.kind == COPY_FROM_FOLDER || h.kind == COPY_FROM_FILE) {
			one_file = h.kind == COPY_FROM_FILE && !to.into && !is_folder(to.dest);
			if (!one_file)
				make_folders(to.dest);
			continue;
		}
		if (h.kind == COPY_ATTRIBUTE) {
			receive_attribute(name, &h);
			continue;
		}
		_cleanup_free_ char *path =
			one_file ? follow(to.dest)
				 : xasprintf("%s/%s", strcmp(to.dest, "/") == 0 ? "" : to.dest,
					     name);
		receive_entry(path, &h);
	}
}
