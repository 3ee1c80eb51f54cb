/* SPDX-License-Identifier: MIT */
#include "runtime/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "runtime/layer.h"
#include "runtime/place.h"

#define TERMINALS 128
#define CA_BUNDLE "/etc/ssl/certs/ca-certificates.crt"
#define SAFE (MS_NOSUID | MS_NODEV)

static void copies_init(struct rootfs_copies *c)
{
	memset(c, 0, sizeof(*c));
	c->upper = c->ca = -1;
}

static void copies_release(struct rootfs_copies *c)
{
	for (unsigned i = 0; i < c->n_layers; i++)
		c->layers[i] = close_fd(c->layers[i]);
	for (unsigned i = 0; i < c->n_mounts; i++)
		c->mounts[i] = close_fd(c->mounts[i]);
	c->upper = close_fd(c->upper);
	c->ca = close_fd(c->ca);
	idmap_cache_release(&c->cache);
	c->n_layers = c->n_mounts = 0;
}

void rootfs_init(struct rootfs *r, const struct container_spec *spec)
{
	memset(r, 0, sizeof(*r));
	r->upper = r->work = r->ca = -1;
	copies_init(&r->copies);
	seeds_init(&r->seeds, spec);
}

void rootfs_close(struct rootfs *r)
{
	copies_release(&r->copies);
	seeds_release(&r->seeds);
	for (unsigned i = 0; i < r->n_layers; i++)
		r->layers[i].fd = close_fd(r->layers[i].fd);
	for (unsigned i = 0; i < r->n_mounts; i++)
		r->mounts[i].fd = close_fd(r->mounts[i].fd);
	r->upper = close_fd(r->upper);
	r->work = close_fd(r->work);
	r->ca = close_fd(r->ca);
	r->n_layers = r->n_mounts = 0;
}

uid_t rootfs_user(const struct container_spec *spec, uid_t base)
{
	unsigned long long number = 0;

	if (spec->profile == SPEC_LAYER)
		return base;
	if (spec->profile != SPEC_IMAGE && spec->profile != SPEC_STEP)
		return base + INSTANCE_APP_UID;
	const char *text = spec->user ? spec->user : "0";
	_cleanup_free_ char *user = xstrndup(text, strcspn(text, ":"));
	return str_to_u64(user, 0, INSTANCE_RANGE_SIZE - 1, &number) == 0 ? base + (uid_t)number
									  : base;
}

static int open_layers(const struct instance *inst, const struct container_spec *spec,
		       struct rootfs *r, struct error *err)
{
	uid_t base = instance_range_base(inst, spec->range);

	for (size_t i = 0; i < spec->layers.n; i++) {
		struct bind *s = &r->layers[i];
		uid_t owner;
		uint32_t count;

		if (layer_open(inst, spec->layers.v[i], &s->fd, &owner, &count, err) < 0)
			return -1;
		r->n_layers = (unsigned)i + 1;
		if (count == 1) {
			s->mapped = true;
			s->map = (struct idmap){inst->uid, inst->gid, rootfs_user(spec, base), 1};
		} else if (owner != base) {
			s->mapped = true;
			s->map = (struct idmap){owner, owner, base, count};
		}
	}
	if (!spec->upper)
		return 0;
	if (layer_create_upper(inst, spec->upper, spec->range, &r->upper, &r->work, err) < 0)
		return -1;
	r->made_upper = true;
	return 0;
}

int rootfs_open(const struct instance *inst, const struct container_spec *spec, struct rootfs *r,
		struct error *err)
{
	uid_t base = instance_range_base(inst, spec->range), user = rootfs_user(spec, base);

	if (open_layers(inst, spec, r, err) < 0)
		return -1;
	for (size_t i = 0; i < spec->n_mounts; i++) {
		if (bind_open(inst, &spec->mounts[i], base, user, &r->mounts[i], err) < 0)
			return -1;
		r->n_mounts = (unsigned)i + 1;
		seeds_note(&r->seeds, (unsigned)i, r->mounts[i].fd);
	}
	if (seeds_claim(&r->seeds, inst, err) < 0)
		return -1;
	r->ca = open(CA_BUNDLE, O_RDONLY | O_CLOEXEC);
	return 0;
}

/* --- building ------------------------------------------------------------------------------- */

static int copy_sources(const struct container_spec *spec, const struct rootfs *r,
			struct rootfs_copies *c, struct error *err)
{
	for (unsigned i = 0; i < r->n_layers; i++) {
		const struct bind *s = &r->layers[i];

		if (idmap_clone(&c->cache, s->fd, s->mapped ? &s->map : NULL, 1, &c->layers[i],
				err) < 0)
			return error_wrap(err, "layer '%s'", spec->layers.v[i]);
		c->n_layers = i + 1;
	}
	for (unsigned i = 0; i < r->n_mounts; i++) {
		const struct bind *s = &r->mounts[i];
		bool given = spec->mounts[i].kind == SPEC_MOUNT_STAGE ||
			     spec->mounts[i].kind == SPEC_MOUNT_PACKS;

		if (idmap_clone(&c->cache, s->fd, s->mapped ? &s->map : NULL,
				given || spec->mounts[i].read_only, &c->mounts[i], err) < 0)
			return error_wrap(err, "mount '%s'", spec->mounts[i].dest);
		c->n_mounts = i + 1;
	}
	if (r->upper >= 0) {
		/* One mount for both folders, which overlayfs asks for. */
		_cleanup_close_ int parent =
			openat(r->upper, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (parent < 0 || idmap_clone(&c->cache, parent, NULL, 0, &c->upper, err) < 0)
			return error_wrap(err, "layer '%s'", spec->upper);
	}
	if (r->ca >= 0 && idmap_clone(&c->cache, r->ca, NULL, 1, &c->ca, err) < 0)
		return error_wrap(err, "mount '%s'", CA_BUNDLE);
	return 0;
}

static int fail(struct error *err, const char *what, const char *name)
{
	return error_set(err, ERROR_SYSTEM, errno, "%s '%s'", what, name);
}

static int place(int fd, const char *name, struct error *err)
{
	if (mkdir(name, 0755) < 0)
		return fail(err, "make", name);
	if (move_mount(fd, "", AT_FDCWD, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return fail(err, "mount layer", name);
	return 0;
}

/* Mounts a new FSTYPE on DEST; gives its root in *out_fd when that is not NULL. */
static int mount_new_at(const char *fstype, int root, const char *dest, unsigned long flags,
			const char *options, uid_t owner, int *out_fd, struct error *err)
{
	_cleanup_close_ int at = -1;
	char link[64];

	if (place_open(root, dest, false, owner, &at, err) < 0)
		return -1;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", at);
	if (mount(fstype, link, fstype, flags, options) < 0)
		return fail(err, "mount on", dest);
	if (!out_fd)
		return 0;
	*out_fd = place_lookup(root, dest, O_RDONLY | O_DIRECTORY, RESOLVE_IN_ROOT);
	return *out_fd < 0 ? fail(err, "open", dest) : 0;
}

static int mount_overlay(const struct container_spec *spec, const struct rootfs *r,
			 struct rootfs_copies *c, uid_t base, struct error *err)
{
	_cleanup_strbuf_ struct strbuf o = STRBUF_INIT;
	char name[16];

	(void)spec;
	if (mkdir("r", 0755) < 0 || mkdir("e", 0555) < 0)
		return fail(err, "make", "r");
	strbuf_addstr(&o, "lowerdir=");
	for (unsigned i = 0; i < c->n_layers; i++) {
		snprintf(name, sizeof(name), "%u", i);
		if (place(c->layers[i], name, err) < 0)
			return -1;
		strbuf_addf(&o, "%s%u", i ? ":" : "", i);
	}
	if (r->upper >= 0) {
		if (place(c->upper, "U", err) < 0)
			return -1;
		strbuf_addstr(&o, ",upperdir=U/data,workdir=U/work");
	} else {
		if (mkdir("u", 0755) < 0 || mkdir("w", 0700) < 0 || chown("u", base, base) < 0)
			return fail(err, "make", "u");
		strbuf_addstr(&o, ",upperdir=u,workdir=w");
	}
	/* No redirects are written or followed, so layers mean the same in any stack. "volatile": a
	 * kept layer is made durable by its commit, not by every unmount. */
	strbuf_addstr(&o, ",redirect_dir=nofollow,metacopy=off,index=off,volatile");
	if (mount("overlay", "r", "overlay", SAFE, o.data) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "mount the layers");
	return 0;
}

static int make_nodes(int dev, uid_t base, struct error *err)
{
	static const struct {
		const char *name;
		unsigned major, minor;
	} nodes[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
		     {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
	static const char *const links[][2] = {{"/proc/self/fd", "fd"},
					       {"/proc/self/fd/0", "stdin"},
					       {"/proc/self/fd/1", "stdout"},
					       {"/proc/self/fd/2", "stderr"},
					       {"pts/ptmx", "ptmx"}};

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		if (mknodat(dev, nodes[i].name, S_IFCHR | 0666,
			    makedev(nodes[i].major, nodes[i].minor)) < 0 ||
		    fchownat(dev, nodes[i].name, base, base, 0) < 0)
			return fail(err, "make device", nodes[i].name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		if (symlinkat(links[i][0], dev, links[i][1]) < 0)
			return fail(err, "make device", links[i][1]);
	}
	return 0;
}

static int mount_dev(int root, uid_t base, struct error *err)
{
	struct mount_attr ro = {.attr_set = MOUNT_ATTR_RDONLY};
	_cleanup_close_ int dev = -1;
	char options[128];

	/* the one mount on which device nodes work */
	snprintf(options, sizeof(options), "mode=755,size=64k,nr_inodes=64,uid=%u,gid=%u", base,
		 base);
	if (mount_new_at("tmpfs", root, "/dev", MS_NOSUID | MS_NOEXEC, options, base, &dev, err) <
	    0)
		return -1;
	if (make_nodes(dev, base, err) < 0)
		return -1;
	/* the machine has some 3000 terminals for all containers together */
	snprintf(options, sizeof(options), "newinstance,ptmxmode=0666,mode=0620,gid=%u,max=%d",
		 base + 5, TERMINALS);
	if (mount_new_at("devpts", root, "/dev/pts", MS_NOSUID | MS_NOEXEC, options, base, NULL,
			 err) < 0)
		return -1;
	snprintf(options, sizeof(options), "mode=1777,size=64m,uid=%u,gid=%u", base, base);
	if (mount_new_at("tmpfs", root, "/dev/shm", SAFE | MS_NOEXEC, options, base, NULL, err) < 0)
		return -1;
	return mount_setattr(dev, "", AT_EMPTY_PATH, &ro, sizeof(ro)) < 0
		       ? fail(err, "protect", "/dev")
		       : 0;
}

/* A step may change its own, as with Docker: what it writes there goes with the container. */
static int put_text(const struct container_spec *spec, int root, const char *name, const char *dest,
		    const char *text, uid_t base, struct error *err)
{
	_cleanup_close_ int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	_cleanup_close_ int copy = -1;
	struct mount_attr attr = {.attr_set =
					  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};

	if (spec->profile != SPEC_STEP)
		attr.attr_set |= MOUNT_ATTR_RDONLY;

	if (fd < 0 || fchown(fd, base, base) < 0)
		return fail(err, "make", name);
	if (file_write_all(fd, text, strlen(text), err) < 0)
		return -1;
	copy = open_tree(AT_FDCWD, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (copy < 0 || mount_setattr(copy, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return fail(err, "mount", dest);
	return place_mount(copy, root, dest, true, base, err);
}

static int mount_etc(const struct container_spec *spec, int root, const struct rootfs_view *view,
		     struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	const char *host = spec->hostname ? spec->hostname : spec->id;

	strbuf_addf(&sb, "%s\n", host);
	if (put_text(spec, root, "hostname", "/etc/hostname", sb.data, view->base, err) < 0)
		return -1;
	strbuf_reset(&sb);
	strbuf_addstr(&sb, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
	strbuf_addf(&sb, "%s\t%s\n", view->address[0] ? view->address : "127.0.1.1", host);
	if (put_text(spec, root, "hosts", "/etc/hosts", sb.data, view->base, err) < 0)
		return -1;
	return put_text(spec, root, "resolv", "/etc/resolv.conf", view->resolv, view->base, err);
}

/* /app, writable on a read-only root: the same overlay, mounted on itself. */
static int mount_app(int root, uid_t user, struct error *err)
{
	struct stat st;
	_cleanup_close_ int at = -1, copy = -1;

	if (place_open(root, "/app", false, user, &at, err) < 0)
		return -1;
	/* an image may have made it as root */
	if (fstat(at, &st) < 0 ||
	    (st.st_uid != user && fchownat(at, "", user, user, AT_EMPTY_PATH) < 0))
		return fail(err, "own", "/app");
	copy = open_tree(at, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (copy < 0 ||
	    move_mount(copy, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return fail(err, "mount", "/app");
	return 0;
}

/* A working folder that no layer has is made, as Docker does. */
static int make_cwd(const struct container_spec *spec, int root, uid_t user, struct error *err)
{
	_cleanup_close_ int at = -1;

	return spec->cwd ? place_open(root, spec->cwd, false, user, &at, err) : 0;
}

static bool is_hidden(const struct container_spec *spec, const char *path)
{
	for (size_t i = 0; i < spec->n_mounts; i++) {
		const char *rest = str_skip(path, spec->mounts[i].dest);

		if (rest && (*rest == '/' || *rest == '\0'))
			return true;
	}
	return false;
}

/* Those that a volume hides are left to it: it would take one made here for the image's own. What
 * is there and no folder stays, as the image has it. */
static int make_folders(const struct container_spec *spec, int root, uid_t owner, struct error *err)
{
	for (size_t i = 0; i < spec->folders.n; i++) {
		const char *path = spec->folders.v[i];
		_cleanup_close_ int at = -1;

		if (!is_hidden(spec, path) && place_open(root, path, false, owner, &at, NULL) < 0 &&
		    errno != ENOTDIR)
			return fail(err, "make", path);
	}
	return 0;
}

/* An image brings a /tmp and certificates of its own, or means to have none. */
static bool own_tmp(const struct container_spec *spec)
{
	return spec->profile == SPEC_IMAGE || spec->profile == SPEC_STEP;
}

/* What the first process mounts on must be folders, not links of the image. */
static int check_places(const struct container_spec *spec, int root, uid_t base, struct error *err)
{
	static const char *const places[] = {"proc", "sys", "dev", "tmp", "etc"};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_cleanup_close_ int fd = place_lookup(root, places[i], O_PATH | O_DIRECTORY,
						      RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);

		if (fd >= 0)
			continue;
		if (errno != ENOENT)
			return fail(err, "use the image's folder", places[i]);
		mode_t mode = own_tmp(spec) && !strcmp(places[i], "tmp") ? 01777 : 0755;
		if (mkdirat(root, places[i], mode) < 0 ||
		    fchownat(root, places[i], base, base, AT_SYMLINK_NOFOLLOW) < 0)
			return fail(err, "make", places[i]);
	}
	return 0;
}

static int mount_kept(const struct container_spec *spec, int root, uid_t user, struct rootfs *r,
		      struct rootfs_copies *c, struct error *err)
{
	for (unsigned i = 0; i < c->n_mounts; i++) {
		const char *dest = spec->mounts[i].dest;

		seeds_before(&r->seeds, i, root, dest);
		if (place_mount(c->mounts[i], root, dest, spec->mounts[i].file != NULL, user, err) <
			    0 ||
		    seeds_after(&r->seeds, i, c->mounts[i], err) < 0)
			return -1;
	}
	return 0;
}

static int mount_root(const struct container_spec *spec, struct rootfs *r,
		      const struct rootfs_view *view, struct rootfs_copies *c, struct error *err)
{
	struct mount_attr ro = {.attr_set = MOUNT_ATTR_RDONLY};
	_cleanup_close_ int root = open("r", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uid_t user = rootfs_user(spec, view->base);
	char options[160];

	if (root < 0)
		return fail(err, "open", "r");
	bool image = own_tmp(spec);
	bool writable = image || spec->profile == SPEC_LAYER;

	if (check_places(spec, root, view->base, err) < 0 || mount_dev(root, view->base, err) < 0)
		return -1;
	snprintf(options, sizeof(options), "mode=1777,size=%llu,uid=%u,gid=%u",
		 (unsigned long long)view->disk, view->base, view->base);
	if (!image && mount_new_at("tmpfs", root, "/tmp", SAFE, options, view->base, NULL, err) < 0)
		return -1;
	if (!spec->plain_etc && mount_etc(spec, root, view, err) < 0)
		return -1;
	if (!image && c->ca >= 0 && place_mount(c->ca, root, CA_BUNDLE, true, view->base, err) < 0)
		return -1;
	if (spec->profile == SPEC_STEP && c->ca >= 0 &&
	    place_mount(c->ca, root, SPEC_STEP_CA, true, view->base, err) < 0)
		return -1;
	if (!writable && mount_app(root, user, err) < 0)
		return -1;
	if (image && make_folders(spec, root, view->base, err) < 0)
		return -1;
	if (image && make_cwd(spec, root, user, err) < 0)
		return -1;
	if (mount_kept(spec, root, user, r, c, err) < 0)
		return -1;
	if (!writable && mount_setattr(root, "", AT_EMPTY_PATH, &ro, sizeof(ro)) < 0)
		return fail(err, "protect", "/");
	return 0;
}

static int enter(const struct instance *inst, const struct rootfs_view *view, struct error *err)
{
	_cleanup_free_ char *top = instance_run(inst, "containers");
	char options[128];

	if (unshare(CLONE_NEWNS) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail(err, "make private", "/");
	snprintf(options, sizeof(options), "mode=755,size=%llu,nr_inodes=%llu",
		 (unsigned long long)view->disk, (unsigned long long)view->disk / 2048 + 1024);
	if (mount("tmpfs", top, "tmpfs", SAFE, options) < 0)
		return fail(err, "mount on", top);
	return chdir(top) < 0 ? fail(err, "enter", top) : 0;
}

int rootfs_enter(const struct instance *inst, const struct container_spec *spec, struct rootfs *r,
		 const struct rootfs_view *view, struct error *err)
{
	mode_t mask = umask(0);
	int failed = copy_sources(spec, r, &r->copies, err);

	if (!failed)
		failed = enter(inst, view, err);
	if (failed)
		copies_release(&r->copies);
	umask(mask);
	return failed;
}

int rootfs_build(const struct container_spec *spec, struct rootfs *r,
		 const struct rootfs_view *view, struct error *err)
{
	mode_t mask = umask(0);
	int failed = mount_overlay(spec, r, &r->copies, view->base, err);

	if (!failed)
		failed = mount_root(spec, r, view, &r->copies, err);
	copies_release(&r->copies);
	umask(mask);
	return failed;
}
