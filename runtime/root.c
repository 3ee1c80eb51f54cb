/* SPDX-License-Identifier: MIT */
#include "runtime/root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/copyup.h"
#include "runtime/place.h"

#define IN_ROOT (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)

/* For calls that know paths only. */
struct fd_path {
	char text[32];
};

static const char *path_of(int fd, struct fd_path *buf)
{
	snprintf(buf->text, sizeof(buf->text), "/proc/self/fd/%d", fd);
	return buf->text;
}

static int attach(int tree, int at)
{
	return move_mount(tree, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

/* --- mounts --------------------------------------------------------------------------------- */

static bool is_tree(const struct root_mount *m)
{
	return m->tree >= 0 || m->from;
}

/* An image's link must not decide where the kernel's own file systems go. */
static bool is_kernels(const struct root_mount *m)
{
	return !is_tree(m) && (!strcmp(m->type, "proc") || !strcmp(m->type, "sysfs"));
}

static int mount_new(const struct root *root, const struct root_mount *m, int at)
{
	struct fd_path path = {""};

	if (mount(m->source ? m->source : m->type, path_of(at, &path), m->type, m->flags,
		  m->data) == 0)
		return 0;
	/* Where the host's is covered in part, the kernel gives no fresh one: then none. */
	if (!m->or_empty)
		return -1;
	return mount(root->empty, path.text, NULL, MS_BIND, NULL);
}

int root_set_attrs(const struct root_attrs *a, int tree)
{
	struct mount_attr one = {.attr_set = a->set, .attr_clr = a->clear};
	struct mount_attr all = {
		.attr_set = a->all_set, .attr_clr = a->all_clear, .propagation = a->propagation};

	if ((one.attr_set || one.attr_clr) &&
	    mount_setattr(tree, "", AT_EMPTY_PATH, &one, sizeof(one)) < 0)
		return -1;
	if (!all.attr_set && !all.attr_clr && !all.propagation)
		return 0;
	return mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &all, sizeof(all));
}

/* A detached mount of M's source, or -1 with errno. */
static int open_source(const struct root_mount *m)
{
	_cleanup_close_ int tree = open_tree(AT_FDCWD, m->from,
					     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
						     (m->recursive ? (unsigned)AT_RECURSIVE : 0));

	if (tree < 0 || root_set_attrs(&m->attrs, tree) < 0)
		return -1;
	return TAKE_FD(tree);
}

static enum step mount_one(const struct root *root, int fd, const struct root_mount *m)
{
	struct mount_attr attr = {.attr_set = m->tree_set, .attr_clr = m->tree_clr};
	_cleanup_close_ int at = -1, top = -1, before = -1, opened = -1;
	int tree = m->tree;
	struct fd_path path = {""};

	if (is_kernels(m)) {
		_cleanup_close_ int direct =
			place_lookup(fd, m->dest, O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);

		if (direct < 0 && errno != ENOENT)
			return STEP_PLACE;
	}
	if (m->from) {
		opened = tree = open_source(m);
		if (tree < 0)
			return STEP_MOUNT;
	}
	if (place_open(fd, m->dest, tree >= 0 && m->file, root->owner, &at, NULL) < 0)
		return m->or_empty ? STEP_NONE : STEP_PLACE;
	if (m->copy_up)
		before = place_lookup(fd, m->dest, O_RDONLY | O_DIRECTORY, IN_ROOT);
	if ((tree >= 0 ? attach(tree, at) : mount_new(root, m, at)) < 0)
		return STEP_MOUNT;
	if (m->after_ro) {
		struct mount_attr ro = {.attr_set = MOUNT_ATTR_RDONLY};
		_cleanup_close_ int under = place_lookup(fd, m->after_ro, O_PATH, IN_ROOT);

		if (under < 0 || mount_setattr(under, "", AT_EMPTY_PATH, &ro, sizeof(ro)) < 0)
			return STEP_READ_ONLY;
	}
	if (!m->propagation && !m->tree_set && !m->tree_clr && before < 0)
		return STEP_NONE;
	top = place_lookup(fd, m->dest, O_PATH, IN_ROOT);
	if (top < 0)
		return STEP_MOUNT;
	if (before >= 0 && copyup_tree(before, top, NULL) < 0)
		return STEP_MOUNT;
	if ((m->tree_set || m->tree_clr) &&
	    mount_setattr(top, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return STEP_MOUNT;
	if (m->propagation && mount(NULL, path_of(top, &path), NULL, m->propagation, NULL) < 0)
		return STEP_PROPAGATION;
	return STEP_NONE;
}

/* --- devices, links, sysctls ---------------------------------------------------------------- */

/* Opens the folder that PATH is in, and gives its last component. */
static int open_parent(const struct root *root, int fd, const char *path, const char **out_name)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int dir;

	if (!slash || !slash[1] || (size_t)(slash - path) >= sizeof(parent)) {
		errno = EINVAL;
		return -1;
	}
	*out_name = slash + 1;
	memcpy(parent, path, (size_t)(slash - path));
	parent[slash - path] = '\0';
	if (!parent[0])
		return place_lookup(fd, "/", O_RDONLY | O_DIRECTORY, IN_ROOT);
	if (place_open(fd, parent, false, root->owner, &dir, NULL) < 0)
		return -1;
	return dir;
}

static bool is_device(int dir, const char *name, const struct root_device *d)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (st.st_mode & S_IFMT) == (d->mode & S_IFMT) &&
	       (S_ISFIFO(st.st_mode) || st.st_rdev == makedev(d->major, d->minor));
}

static int mount_host_device(const struct root *root, int fd, const struct root_device *d)
{
	_cleanup_close_ int at = -1;
	struct fd_path path = {""};

	if (place_open(fd, d->path, true, root->owner, &at, NULL) < 0)
		return -1;
	return mount(d->path, path_of(at, &path), NULL, MS_BIND, NULL);
}

static int make_device(const struct root *root, int fd, const struct root_device *d)
{
	const char *name;
	_cleanup_close_ int dir = open_parent(root, fd, d->path, &name);

	if (dir < 0)
		return -1;
	if (!root->nodes && !S_ISFIFO(d->mode))
		return is_device(dir, name, d) ? 0 : mount_host_device(root, fd, d);
	if (mknodat(dir, name, d->mode, makedev(d->major, d->minor)) < 0) {
		if (errno == EPERM)
			return mount_host_device(root, fd, d);
		if (errno != EEXIST || !is_device(dir, name, d))
			return -1;
	}
	return fchmodat(dir, name, d->mode & 07777, 0) < 0 ||
			       fchownat(dir, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0
		       ? -1
		       : 0;
}

static int make_link(const struct root *root, int fd, const struct root_link *l)
{
	const char *name;
	_cleanup_close_ int dir = open_parent(root, fd, l->path, &name);

	if (dir < 0)
		return -1;
	return symlinkat(l->target, dir, name) < 0 && errno != EEXIST ? -1 : 0;
}

/* Through the host's /proc, which shows the values of the writer's namespaces. */
static int set_sysctl(const struct root_sysctl *s)
{
	_cleanup_close_ int dir = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int fd =
		place_lookup(dir, s->path, O_WRONLY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	size_t len = strlen(s->value);

	return fd >= 0 && write(fd, s->value, len) == (ssize_t)len ? 0 : -1;
}

/* --- the whole ------------------------------------------------------------------------------ */

/* pivot_root(2) refuses below a shared mount. */
static void make_parent_private(const char *path)
{
	char up[PATH_MAX];
	size_t len = strnlen(path, sizeof(up) - 1);

	memcpy(up, path, len);
	up[len] = '\0';
	while (len > 1 && mount(NULL, up, NULL, MS_PRIVATE, NULL) < 0) {
		while (len > 1 && up[--len] != '/')
			;
		up[len ? len : 1] = '\0';
	}
	if (len <= 1)
		mount(NULL, "/", NULL, MS_PRIVATE, NULL);
}

static enum step take_root(const struct root *root)
{
	if (root->host_propagation && mount(NULL, "/", NULL, root->host_propagation, NULL) < 0)
		return STEP_PROPAGATION;
	if (root->host_propagation & MS_SHARED)
		make_parent_private(root->path);
	if (mount(root->path, root->path, NULL, MS_BIND | MS_REC, NULL) < 0)
		return STEP_ROOT;
	/* private for as long as it is built */
	return mount(NULL, root->path, NULL, MS_PRIVATE, NULL) < 0 ? STEP_ROOT : STEP_NONE;
}

enum step root_build(const struct root *root, int *out_fd, const char **subject)
{
	_cleanup_close_ int fd = -1;
	enum step step;

	*subject = root->path;
	step = take_root(root);
	if (step != STEP_NONE)
		return step;
	fd = open(root->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return STEP_ROOT;
	for (unsigned i = 0; i < root->n_mounts; i++) {
		*subject = root->mounts[i].dest;
		step = mount_one(root, fd, &root->mounts[i]);
		if (step != STEP_NONE)
			return step;
	}
	for (unsigned i = 0; i < root->n_devices; i++) {
		*subject = root->devices[i].path;
		if (make_device(root, fd, &root->devices[i]) < 0)
			return STEP_DEVICE;
	}
	for (unsigned i = 0; i < root->n_links; i++) {
		*subject = root->links[i].path;
		if (make_link(root, fd, &root->links[i]) < 0)
			return STEP_DEVICE;
	}
	for (unsigned i = 0; i < root->n_sysctls; i++) {
		*subject = root->sysctls[i].path;
		if (set_sysctl(&root->sysctls[i]) < 0)
			return STEP_SYSCTL;
	}
	*subject = NULL;
	*out_fd = TAKE_FD(fd);
	return STEP_NONE;
}

int root_console(int fd, int terminal)
{
	_cleanup_close_ int at = -1;
	struct fd_path from = {""}, to = {""};

	if (place_open(fd, "/dev/console", true, 0, &at, NULL) < 0)
		return -1;
	return mount(path_of(terminal, &from), path_of(at, &to), NULL, MS_BIND, NULL);
}

/* The container's own /dev/null, which must be it: a link there would show something else. */
static int open_null(int fd)
{
	_cleanup_close_ int null =
		place_lookup(fd, "/dev/null", O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
	struct stat st;

	if (null < 0 || fstat(null, &st) < 0)
		return -1;
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3)) {
		errno = ENODEV;
		return -1;
	}
	return TAKE_FD(null);
}

/* NULL_FD is opened with the first: -1. */
static int mask_file(int fd, int at, int *null_fd)
{
	struct fd_path from = {""}, to = {""};

	if (*null_fd < 0)
		*null_fd = open_null(fd);
	if (*null_fd < 0)
		return -1;
	return mount(path_of(*null_fd, &from), path_of(at, &to), NULL, MS_BIND, NULL);
}

static int mask(const struct root *root, int fd, const char *path, int *null_fd)
{
	_cleanup_close_ int at = place_lookup(fd, path, O_PATH, IN_ROOT);
	struct fd_path to = {""};
	struct stat st;

	if (at < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	if (fstat(at, &st) < 0)
		return -1;
	if (!S_ISDIR(st.st_mode))
		return mask_file(fd, at, null_fd);
	if (root->empty)
		return mount(root->empty, path_of(at, &to), NULL, MS_BIND, NULL);
	return mount("tmpfs", path_of(at, &to), "tmpfs",
		     MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=0,nr_inodes=2,mode=555");
}

static int protect(int fd, const char *path)
{
	struct mount_attr ro = {.attr_set = MOUNT_ATTR_RDONLY};
	_cleanup_close_ int at = place_lookup(fd, path, O_PATH, IN_ROOT), copy = -1;

	if (at < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	copy = open_tree(at, "",
			 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
	if (copy < 0 || mount_setattr(copy, "", AT_EMPTY_PATH | AT_RECURSIVE, &ro, sizeof(ro)) < 0)
		return -1;
	return attach(copy, at);
}

/* It becomes the root and the old one goes, as pivot_root(2) describes under "." and ".". */
static enum step change_root(const struct root *root, int fd)
{
	_cleanup_close_ int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat top, here;

	if (fchdir(fd) < 0)
		return STEP_PIVOT;
	if (!root->pivot) {
		if (chroot(".") < 0)
			return STEP_PIVOT;
	} else if (syscall(SYS_pivot_root, ".", ".") < 0 || fchdir(old) < 0 ||
		   /* so that its end does not reach the host */
		   mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0 ||
		   umount2(".", MNT_DETACH) < 0) {
		return STEP_PIVOT;
	}
	if (chdir("/") < 0 || stat("/", &top) < 0 || stat(".", &here) < 0)
		return STEP_CWD_CHECK;
	if (top.st_dev != here.st_dev || top.st_ino != here.st_ino) {
		errno = EPERM;
		return STEP_CWD_CHECK;
	}
	return STEP_NONE;
}

enum step root_enter(const struct root *root, int fd, const char **subject)
{
	struct mount_attr ro = {.attr_set = MOUNT_ATTR_RDONLY};
	_cleanup_close_ int null = -1;
	enum step step;

	for (unsigned i = 0; i < root->n_masked; i++) {
		*subject = root->masked[i];
		if (mask(root, fd, root->masked[i], &null) < 0)
			return STEP_MASK;
	}
	for (unsigned i = 0; i < root->n_protected; i++) {
		*subject = root->protected[i];
		if (protect(fd, root->protected[i]) < 0)
			return STEP_READ_ONLY;
	}
	*subject = NULL;
	step = change_root(root, fd);
	if (step != STEP_NONE)
		return step;
	*subject = "/";
	if (root->propagation && mount(NULL, "/", NULL, root->propagation, NULL) < 0)
		return STEP_PROPAGATION;
	if (root->read_only && mount_setattr(AT_FDCWD, "/", 0, &ro, sizeof(ro)) < 0)
		return STEP_READ_ONLY;
	*subject = NULL;
	return STEP_NONE;
}
