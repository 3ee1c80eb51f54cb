/* SPDX-License-Identifier: MIT */
#include "runtime/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"

/* --- options (runtime-spec, config.md, "Linux mount options") --------------------------------- */

/* Flags of mount(2) and their twins of mount_setattr(2). */
static const struct flag_option {
	const char *name;
	bool clear;
	unsigned long flag;
	uint64_t attr;
} flag_options[] = {
	{"async", true, MS_SYNCHRONOUS, 0},
	{"sync", false, MS_SYNCHRONOUS, 0},
	{"atime", true, MS_NOATIME, MOUNT_ATTR_NOATIME},
	{"noatime", false, MS_NOATIME, MOUNT_ATTR_NOATIME},
	{"dev", true, MS_NODEV, MOUNT_ATTR_NODEV},
	{"nodev", false, MS_NODEV, MOUNT_ATTR_NODEV},
	{"diratime", true, MS_NODIRATIME, MOUNT_ATTR_NODIRATIME},
	{"nodiratime", false, MS_NODIRATIME, MOUNT_ATTR_NODIRATIME},
	{"dirsync", false, MS_DIRSYNC, 0},
	{"exec", true, MS_NOEXEC, MOUNT_ATTR_NOEXEC},
	{"noexec", false, MS_NOEXEC, MOUNT_ATTR_NOEXEC},
	{"iversion", false, MS_I_VERSION, 0},
	{"noiversion", true, MS_I_VERSION, 0},
	{"lazytime", false, MS_LAZYTIME, 0},
	{"nolazytime", true, MS_LAZYTIME, 0},
	{"loud", true, MS_SILENT, 0},
	{"silent", false, MS_SILENT, 0},
	{"mand", false, MS_MANDLOCK, 0},
	{"nomand", true, MS_MANDLOCK, 0},
	{"relatime", false, MS_RELATIME, MOUNT_ATTR_RELATIME},
	{"norelatime", true, MS_RELATIME, 0},
	{"strictatime", false, MS_STRICTATIME, MOUNT_ATTR_STRICTATIME},
	{"nostrictatime", true, MS_STRICTATIME, 0},
	{"ro", false, MS_RDONLY, MOUNT_ATTR_RDONLY},
	{"rw", true, MS_RDONLY, MOUNT_ATTR_RDONLY},
	{"suid", true, MS_NOSUID, MOUNT_ATTR_NOSUID},
	{"nosuid", false, MS_NOSUID, MOUNT_ATTR_NOSUID},
	{"symfollow", true, 0, MOUNT_ATTR_NOSYMFOLLOW},
	{"nosymfollow", false, 256 /* MS_NOSYMFOLLOW */, MOUNT_ATTR_NOSYMFOLLOW},
};

static const struct {
	const char *name;
	unsigned long flags;
} propagations[] = {
	{"private", MS_PRIVATE},       {"rprivate", MS_PRIVATE | MS_REC},
	{"shared", MS_SHARED},         {"rshared", MS_SHARED | MS_REC},
	{"slave", MS_SLAVE},           {"rslave", MS_SLAVE | MS_REC},
	{"unbindable", MS_UNBINDABLE}, {"runbindable", MS_UNBINDABLE | MS_REC},
};

/* What else read_option knows. */
static const char *const other_options[] = {"bind",    "rbind",     "idmap",   "ridmap",
					    "remount", "tmpcopyup", "defaults"};

const char *bundle_mount_option(size_t i)
{
	if (i < ARRAY_SIZE(flag_options))
		return flag_options[i].name;
	i -= ARRAY_SIZE(flag_options);
	if (i < ARRAY_SIZE(propagations))
		return propagations[i].name;
	i -= ARRAY_SIZE(propagations);
	return i < ARRAY_SIZE(other_options) ? other_options[i] : NULL;
}

struct options {
	unsigned long flags, propagation;
	struct root_attrs attrs;
	bool bind, recursive, idmap, rec_idmap, copy_up, ro;
	struct strbuf data;
};

unsigned long bundle_propagation(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(propagations); i++) {
		if (!strcmp(name, propagations[i].name))
			return propagations[i].flags;
	}
	return 0;
}

/* Access times are one field of the kernel's, which has to be cleared to be set. */
static void add_attr(uint64_t *set, uint64_t *clear, const struct flag_option *o)
{
	bool time = (o->attr & MOUNT_ATTR__ATIME) || !strcmp(o->name, "relatime");

	if (time)
		*clear |= MOUNT_ATTR__ATIME;
	if (o->clear && time)
		return;
	if (o->clear) {
		*clear |= o->attr;
		*set &= ~o->attr;
	} else {
		*set |= o->attr;
	}
}

static bool flag_option(struct options *out, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(flag_options); i++) {
		const struct flag_option *o = &flag_options[i];

		if (!strcmp(name, o->name)) {
			if (o->clear)
				out->flags &= ~o->flag;
			else
				out->flags |= o->flag;
			add_attr(&out->attrs.set, &out->attrs.clear, o);
			return true;
		}
		if (name[0] == 'r' && !strcmp(name + 1, o->name) && (o->attr || o->clear) &&
		    o->flag != MS_SYNCHRONOUS) {
			add_attr(&out->attrs.all_set, &out->attrs.all_clear, o);
			return true;
		}
	}
	return false;
}

static void read_option(struct options *out, const char *name)
{
	unsigned long propagation = bundle_propagation(name);

	if (propagation)
		out->propagation = propagation;
	else if (!strcmp(name, "bind"))
		out->bind = true;
	else if (!strcmp(name, "rbind"))
		out->bind = out->recursive = true;
	else if (!strcmp(name, "idmap"))
		out->idmap = true;
	else if (!strcmp(name, "ridmap"))
		out->idmap = out->rec_idmap = true;
	else if (!strcmp(name, "tmpcopyup"))
		out->copy_up = true;
	else if (strcmp(name, "defaults") != 0 && strcmp(name, "remount") != 0 &&
		 !flag_option(out, name))
		strbuf_addf(&out->data, "%s%s", out->data.len ? "," : "", name);
}

/* --- sources -------------------------------------------------------------------------------- */

static struct idmap_range *read_ranges(struct fields *f, json_t *list, unsigned *n)
{
	struct idmap_range *v;

	*n = (unsigned)json_array_size(list);
	if (*n > IDMAP_RANGES) {
		fields_bad(f, "id mappings: more than %d", IDMAP_RANGES);
		*n = 0;
	}
	v = *n ? xcalloc(*n, sizeof(*v)) : NULL;
	for (unsigned i = 0; i < *n; i++) {
		json_t *one = json_array_get(list, i);
		int64_t inside = 0, outside = 0, size = 0;

		if (!fields_number(f, one, "containerID", 0, UINT32_MAX, &inside) ||
		    !fields_number(f, one, "hostID", 0, UINT32_MAX, &outside) ||
		    !fields_number(f, one, "size", 1, UINT32_MAX, &size))
			fields_bad(f, "id mappings: expected 'containerID', 'hostID' and 'size'");
		v[i] = (struct idmap_range){(uint32_t)inside, (uint32_t)outside, (uint32_t)size};
	}
	return v;
}

void bundle_ids(struct fields *f, json_t *parent, struct idmap_table *out)
{
	out->uids = read_ranges(f, fields_array(f, parent, "uidMappings"), &out->n_uids);
	out->gids = read_ranges(f, fields_array(f, parent, "gidMappings"), &out->n_gids);
}

void bundle_ids_release(struct idmap_table *t)
{
	void *uids, *gids;

	memcpy(&uids, &t->uids, sizeof(uids));
	memcpy(&gids, &t->gids, sizeof(gids));
	free(uids);
	free(gids);
	*t = (struct idmap_table){NULL, NULL, 0, 0};
}

/* In a mount's map, the ids on disk are the "container" ones of a namespace whose "host" ones are
 * shown (runtime-spec, config.md, "mounts"). */
static int map_ids(struct bundle *b, struct fields *f, json_t *json, int tree, bool recursive)
{
	struct idmap_table own = {NULL, NULL, 0, 0};
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP};
	struct error err = ERROR_INIT;
	int userns = -1, failed = 0;

	bundle_ids(f, json, &own);
	if (!own.n_uids || !own.n_gids) {
		bundle_ids_release(&own);
		own = b->ids;
	}
	if (!own.n_uids || !own.n_gids) {
		fields_bad(f, "mount option 'idmap': needs 'uidMappings' and 'gidMappings' of the "
			      "mount or of a user namespace");
		return -1;
	}
	if (idmap_userns(&own, &userns, &err) < 0) {
		fields_bad(f, "%s", err.message);
		failed = -1;
	} else {
		attr.userns_fd = (uint64_t)userns;
		failed = mount_setattr(tree, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0),
				       &attr, sizeof(attr));
		if (failed)
			fields_bad(f, "map the owners of mount '%s': %s",
				   fields_string(f, json, "destination"), strerror(errno));
	}
	close_fd(userns);
	if (own.uids != b->ids.uids)
		bundle_ids_release(&own);
	return failed;
}

/* The first process may open it as well as this one, and by the same name. */
static bool may_wait(const struct bundle *b, const struct options *o)
{
	return (b->setup.namespaces & CLONE_NEWNS) && !b->setup.takes_ids && !o->idmap;
}

static void open_source(struct bundle *b, struct fields *f, json_t *json, struct options *o,
			struct root_mount *out)
{
	const char *source = fields_string(f, json, "source");
	_cleanup_free_ char *path = NULL;
	struct stat st;

	if (!source) {
		fields_bad(f, "mount '%s': a bind mount needs a 'source'", out->dest);
		return;
	}
	path = source[0] == '/' ? xstrdup(source) : xasprintf("%s/%s", b->path, source);
	out->recursive = o->recursive;
	out->attrs = o->attrs;
	/* What the container mounts does not show on the host, unless that is asked for. */
	if (!o->propagation && !(b->root.host_propagation & MS_SHARED))
		out->attrs.propagation = MS_SLAVE;
	if (may_wait(b, o)) {
		out->from = bundle_text(b, TAKE_PTR(path));
		if (stat(out->from, &st) < 0)
			fields_bad(f, "look at the source '%s' of mount '%s': %s", out->from,
				   out->dest, strerror(errno));
		else
			out->file = !S_ISDIR(st.st_mode);
		return;
	}
	out->tree = open_tree(AT_FDCWD, path,
			      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
				      (o->recursive ? (unsigned)AT_RECURSIVE : 0));
	if (out->tree < 0 || fstat(out->tree, &st) < 0) {
		fields_bad(f, "open the source '%s' of mount '%s': %s", path, out->dest,
			   strerror(errno));
		return;
	}
	out->file = !S_ISDIR(st.st_mode);
	if (root_set_attrs(&out->attrs, out->tree) < 0)
		fields_bad(f, "set the options of mount '%s': %s", out->dest, strerror(errno));
	if (o->idmap)
		map_ids(b, f, json, out->tree, o->rec_idmap);
}

/* --- the list ------------------------------------------------------------------------------- */

static char *clean(const char *dest)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	if (dest[0] != '/')
		strbuf_addch(&out, '/');
	for (const char *p = dest; *p; p++) {
		if (*p != '/' || (p[1] && p[1] != '/'))
			strbuf_addch(&out, *p);
	}
	if (!out.len)
		strbuf_addch(&out, '/');
	return strbuf_detach(&out);
}

static void read_mount(struct bundle *b, struct fields *f, json_t *json, const char *label,
		       struct root_mount *out)
{
	const char *dest = fields_string(f, json, "destination");
	const char *type = fields_string(f, json, "type");
	json_t *options = fields_array(f, json, "options");
	struct options o = {.data = STRBUF_INIT};

	out->tree = -1;
	if (!dest || !dest[0] || strlen(dest) > 1000) {
		fields_bad(f, "'mounts': each needs a 'destination'");
		return;
	}
	out->dest = bundle_text(b, clean(dest));
	for (size_t i = 0; i < json_array_size(options); i++)
		read_option(&o, fields_text(f, json_array_get(options, i), "options"));
	/* before there was an option, mappings were enough to say it */
	o.idmap = o.idmap || json_array_size(fields_array(f, json, "uidMappings"));
	out->propagation = o.propagation;
	if (o.bind || str_equal(type, "bind") || str_equal(type, "rbind")) {
		o.recursive = o.recursive || str_equal(type, "rbind");
		open_source(b, f, json, &o, out);
	} else if (!type) {
		fields_bad(f, "mount '%s': needs a 'type'", dest);
	} else {
		out->type = type;
		out->source = fields_string(f, json, "source");
		out->flags = o.flags;
		out->tree_set = o.attrs.all_set;
		out->tree_clr = o.attrs.all_clear;
		out->copy_up = o.copy_up && !strcmp(type, "tmpfs");
		if (label && (!strcmp(type, "tmpfs") || !strcmp(type, "mqueue")))
			strbuf_addf(&o.data, "%scontext=\"%s\"", o.data.len ? "," : "", label);
		out->data = bundle_text(b, strbuf_detach(&o.data));
		if (!strcmp(type, "cgroup") || !strcmp(type, "cgroup2"))
			b->mounts_cgroup = true;
	}
	strbuf_release(&o.data);
}

void bundle_mounts(struct bundle *b, struct fields *f, json_t *config)
{
	json_t *list = fields_array(f, config, "mounts");
	const char *label = fields_string(f, fields_object(f, config, "linux"), "mountLabel");

	if (label && !file_exists(AT_FDCWD, "/sys/fs/selinux/enforce")) {
		bundle_warn(b, "'mountLabel': SELinux is not enabled on this host");
		label = NULL;
	}
	b->mounts = xcalloc(json_array_size(list) + 1, sizeof(*b->mounts));
	for (size_t i = 0; i < json_array_size(list) && !f->bad; i++) {
		read_mount(b, f, json_array_get(list, i), label, &b->mounts[i]);
		b->root.n_mounts = (unsigned)i + 1;
	}
	b->root.mounts = b->mounts;
}

static void add_tree(struct bundle *b, struct root_mount *list, unsigned *n,
		     const struct root_mount *like, int dirfd, const char *dest, struct error *err,
		     int *failed)
{
	uint64_t set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	struct mount_attr attr = {.attr_set = set, .propagation = MS_PRIVATE};
	struct root_mount *m = &list[*n];

	if (like->flags & MS_RDONLY)
		attr.attr_set |= MOUNT_ATTR_RDONLY;
	*m = (struct root_mount){.dest = bundle_text(b, xstrdup(dest))};
	m->tree = open_tree(dirfd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (m->tree < 0 || mount_setattr(m->tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		*failed = error_set(err, ERROR_SYSTEM, errno, "show the cgroup at '%s'", dest);
	(*n)++;
}

int bundle_cgroup_mounts(struct bundle *b, const struct cgroup *cg, struct error *err)
{
	struct root_mount *old = b->mounts, *list;
	unsigned n = 0;
	int failed = 0;

	if (!b->mounts_cgroup)
		return 0;
	list = xcalloc(b->root.n_mounts + 1 + (size_t)CGROUP_TREES * 4, sizeof(*list));
	for (unsigned i = 0; i < b->root.n_mounts; i++) {
		const struct root_mount *m = &old[i];

		if (m->tree >= 0 || m->from ||
		    (strcmp(m->type, "cgroup") && strcmp(m->type, "cgroup2"))) {
			list[n++] = *m;
			continue;
		}
		if (cg->v2) {
			add_tree(b, list, &n, m, cg->trees[0].dirfd, m->dest, err, &failed);
			continue;
		}
		list[n] = (struct root_mount){.dest = m->dest, .tree = -1, .type = "tmpfs"};
		list[n].source = "tmpfs";
		list[n].flags = m->flags & ~(unsigned long)MS_RDONLY;
		list[n++].data = "mode=755,size=64k";
		for (unsigned t = 0; t < cg->n; t++) {
			_cleanup_free_ char *dest =
				xasprintf("%s/%s", m->dest,
					  cg->trees[t].name[0] ? cg->trees[t].name : "unified");

			add_tree(b, list, &n, m, cg->trees[t].dirfd, dest, err, &failed);
		}
		if (m->flags & MS_RDONLY)
			list[n - 1].after_ro = m->dest;
	}
	free(old);
	b->root.mounts = b->mounts = list;
	b->root.n_mounts = n;
	b->mounts_cgroup = false;
	return failed;
}

/* --- devices -------------------------------------------------------------------------------- */

static const struct root_device default_devices[] = {
	{"/dev/null", S_IFCHR | 0666, 1, 3, 0, 0},    {"/dev/zero", S_IFCHR | 0666, 1, 5, 0, 0},
	{"/dev/full", S_IFCHR | 0666, 1, 7, 0, 0},    {"/dev/random", S_IFCHR | 0666, 1, 8, 0, 0},
	{"/dev/urandom", S_IFCHR | 0666, 1, 9, 0, 0}, {"/dev/tty", S_IFCHR | 0666, 5, 0, 0, 0},
};

static const struct root_link default_links[] = {{"/dev/fd", "/proc/self/fd"},
						 {"/dev/stdin", "/proc/self/fd/0"},
						 {"/dev/stdout", "/proc/self/fd/1"},
						 {"/dev/stderr", "/proc/self/fd/2"},
						 {"/dev/ptmx", "pts/ptmx"}};

static void read_device(struct fields *f, json_t *json, struct root_device *out)
{
	static const struct {
		char letter;
		mode_t mode;
	} types[] = {{'c', S_IFCHR}, {'u', S_IFCHR}, {'b', S_IFBLK}, {'p', S_IFIFO}};
	const char *path = fields_string(f, json, "path"), *type = fields_string(f, json, "type");
	int64_t mode = 0666, major = 0, minor = 0, uid = 0, gid = 0;

	if (!path || path[0] != '/' || !type || strlen(type) != 1) {
		fields_bad(f, "'devices': each needs an absolute 'path' and a 'type' c, b, u or p");
		return;
	}
	fields_number(f, json, "fileMode", 0, 0177777, &mode);
	fields_number(f, json, "uid", 0, UINT32_MAX, &uid);
	fields_number(f, json, "gid", 0, UINT32_MAX, &gid);
	fields_number(f, json, "major", 0, UINT32_MAX, &major);
	fields_number(f, json, "minor", 0, UINT32_MAX, &minor);
	*out = (struct root_device){
		path,      (mode_t)mode & 07777, (unsigned)major, (unsigned)minor, (uid_t)uid,
		(gid_t)gid};
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (types[i].letter == type[0])
			out->mode |= types[i].mode;
	}
	if (!(out->mode & S_IFMT))
		fields_bad(f, "device '%s': type '%s' is not c, b, u or p", path, type);
}

/* A bound /dev is the operator's own. */
static bool has_own_dev(const struct bundle *b)
{
	for (unsigned i = 0; i < b->root.n_mounts; i++) {
		if (!strcmp(b->mounts[i].dest, "/dev") &&
		    (b->mounts[i].tree >= 0 || b->mounts[i].from))
			return true;
	}
	return false;
}

void bundle_devices(struct bundle *b, struct fields *f, json_t *linux_)
{
	json_t *list = fields_array(f, linux_, "devices");
	size_t n = json_array_size(list);

	b->devices = xcalloc(n + ARRAY_SIZE(default_devices), sizeof(*b->devices));
	b->root.devices = b->devices;
	if (has_own_dev(b))
		return;
	for (size_t i = 0; i < n; i++)
		read_device(f, json_array_get(list, i), &b->devices[b->root.n_devices++]);
	for (size_t i = 0; i < ARRAY_SIZE(default_devices) && !f->bad; i++) {
		bool twice = false;

		for (size_t k = 0; k < n; k++)
			twice = twice || !strcmp(b->devices[k].path, default_devices[i].path);
		if (!twice)
			b->devices[b->root.n_devices++] = default_devices[i];
	}
	b->root.links = default_links;
	b->root.n_links = ARRAY_SIZE(default_links);
}
