/* SPDX-License-Identifier: MIT */
#include "runtime/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "instance/name.h"
#include "runtime/cgroup.h"
#include "runtime/layer.h"
#include "runtime/network.h"
#include "runtime/owner.h"
#include "runtime/veth.h"
#include "runtime/volume.h"

#define KILL_WAIT_MS 2000

/* A busy kernel takes its time to take a network namespace down. */
#define LINK_WAIT_MS 5000

struct search {
	const struct instance *inst;
	cleanup_claim *claim;
	bool dry;
	struct strvec *out;
	struct error *err;
	int result;
};

static bool is_alive(const struct search *s, const char *id)
{
	return s->claim(s->inst, id) == ROSTER_ALIVE;
}

/* The error of the next step: the first failure is the one that is told. */
static struct error *next_error(struct search *s)
{
	return s->result == 0 ? s->err : NULL;
}

static void note(struct search *s, int result)
{
	if (result < 0)
		s->result = -1;
}

/* The names in PATH that do not start with "."; a missing folder has none. */
static void list(struct search *s, const char *path, struct strvec *names)
{
	DIR *dir = opendir(path);
	if (!dir) {
		if (errno != ENOENT)
			note(s, error_set(next_error(s), ERROR_SYSTEM, errno, "list '%s'", path));
		return;
	}
	struct dirent *entry;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			strvec_push(names, entry->d_name);
	closedir(dir);
	strvec_sort(names);
}

static void find_cgroups(struct search *s)
{
	_cleanup_strvec_ struct strvec seen = STRVEC_INIT;
	for (unsigned i = 0; *cgroup_root(i); i++) {
		_cleanup_strvec_ struct strvec names = STRVEC_INIT;
		list(s, cgroup_root(i), &names);
		for (size_t n = 0; n < names.n; n++) {
			const char *id = names.v[n];
			/* a group's own files stand beside its groups; no id has their names */
			_cleanup_free_ char *procs =
				xasprintf("%s/%s/cgroup.procs", cgroup_root(i), id);
			if (!name_is_id(id) || strvec_has(&seen, id) ||
			    !file_exists(AT_FDCWD, procs) || is_alive(s, id) ||
			    /* one that ended meanwhile took it away before its folder */
			    !file_exists(AT_FDCWD, procs))
				continue;
			strvec_push(&seen, id);
			strvec_pushf(s->out, "cgroup %s", id);
			if (s->dry)
				continue;
			struct cgroup cg = CGROUP_INIT;
			if (cgroup_open(id, &cg, NULL) == 0) {
				cgroup_kill(&cg, KILL_WAIT_MS);
				cgroup_close(&cg);
			}
			note(s, cgroup_remove(id, next_error(s)));
		}
	}
}

/* Who holds ADDRESS, as network_allocate wrote it; false when nobody does. */
static bool address_holder(struct search *s, const char *address, char *out, size_t size)
{
	_cleanup_free_ char *path = instance_run(s->inst, "addresses/%s", address);
	ssize_t n = readlink(path, out, size - 1);
	if (n < 0)
		return false;
	out[n] = '\0';
	out[strcspn(out, ":")] = '\0';
	return true;
}

/* The address whose host end has NAME; false when none has. */
static bool address_of(const struct search *s, uint32_t subnet, const char *name, uint32_t *out)
{
	const char *dash = strchr(name, '-');
	char same[VETH_NAME_MAX];
	*out = subnet | (dash ? (uint32_t)strtoul(dash + 1, NULL, 16) & 0xffff : 0);
	veth_name(s->inst, *out, same);
	return strcmp(same, name) == 0;
}

/* The host ends whose address nobody holds. */
static int find_free_links(struct search *s, uint32_t subnet, struct strvec *out)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	if (veth_list(s->inst->number, &names, next_error(s)) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		char text[NETWORK_TEXT_MAX], holder[NAME_ID_MAX + 16];
		uint32_t address;
		if (!address_of(s, subnet, names.v[i], &address))
			continue;
		network_text(address, text);
		if (!address_holder(s, text, holder, sizeof(holder)))
			strvec_push(out, names.v[i]);
	}
	return 0;
}

/* Interfaces whose address nobody holds: no address leads to them. That of a container which has
 * just ended goes by itself, when the kernel takes its network namespace down. */
static void find_interfaces(struct search *s)
{
	int64_t until = clock_ms() + LINK_WAIT_MS;
	uint32_t subnet;
	if (instance_subnet(s->inst, &subnet, next_error(s)) < 0) {
		note(s, -1);
		return;
	}
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	note(s, find_free_links(s, subnet, &names));
	while (s->result == 0 && names.n > 0 && clock_ms() < until) {
		clock_sleep_ms(50);
		strvec_release(&names);
		note(s, find_free_links(s, subnet, &names));
	}
	for (size_t i = 0; s->result == 0 && i < names.n; i++) {
		uint32_t address;
		strvec_pushf(s->out, "interface %s", names.v[i]);
		if (!s->dry && address_of(s, subnet, names.v[i], &address))
			note(s, network_remove(s->inst, address, next_error(s)));
	}
}

static void find_addresses(struct search *s)
{
	_cleanup_free_ char *path = instance_run(s->inst, "addresses");
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	list(s, path, &names);
	for (size_t i = 0; i < names.n; i++) {
		char holder[NAME_ID_MAX + 16], still[NAME_ID_MAX + 16];
		uint32_t addr;
		if (network_parse(names.v[i], &addr) < 0 ||
		    !address_holder(s, names.v[i], holder, sizeof(holder)) || is_alive(s, holder) ||
		    /* one that ended meanwhile gave it back before its folder went */
		    !address_holder(s, names.v[i], still, sizeof(still)) || strcmp(holder, still))
			continue;
		strvec_pushf(s->out, "address %s of %s", names.v[i], holder);
		if (!s->dry)
			note(s, network_remove(s->inst, addr, next_error(s)));
	}
}

struct element_search {
	struct search *s;
	struct strvec names;
};

static void each_element(void *data, uint32_t addr)
{
	struct element_search *e = data;
	char text[NETWORK_TEXT_MAX], holder[NAME_ID_MAX + 16];
	network_text(addr, text);
	if (!address_holder(e->s, text, holder, sizeof(holder)))
		strvec_push(&e->names, text);
}

/* What the table says of addresses that nobody has: without a table there is none. */
static void find_elements(struct search *s)
{
	struct element_search e = {s, STRVEC_INIT};
	int result = owner_each(s->inst, each_element, &e);
	if (result < 0 && result != -ENOENT)
		note(s, error_set(next_error(s), ERROR_SYSTEM, -result,
				  "list the owners in table 'berth-%u'", s->inst->number));
	for (size_t i = 0; result == 0 && i < e.names.n; i++) {
		uint32_t addr;
		bool forgotten = s->dry;
		if (network_parse(e.names.v[i], &addr) < 0)
			continue;
		if (!s->dry)
			note(s, network_forget(s->inst, addr, &forgotten, next_error(s)));
		if (forgotten)
			strvec_pushf(s->out, "owner of address %s", e.names.v[i]);
	}
	strvec_release(&e.names);
}

/* Of containers that have ended, whose folder is kept for the exit status. */
static void find_sockets(struct search *s)
{
	_cleanup_free_ char *folder = instance_run(s->inst, "containers");
	_cleanup_strvec_ struct strvec ids = STRVEC_INIT;
	list(s, folder, &ids);
	for (size_t i = 0; i < ids.n; i++) {
		const char *id = ids.v[i];
		_cleanup_free_ char *path = instance_run(s->inst, "containers/%s/control", id);
		if (!file_exists(AT_FDCWD, path) || s->claim(s->inst, id) != ROSTER_KEPT)
			continue;
		strvec_pushf(s->out, "socket of container %s", id);
		if (!s->dry && unlink(path) < 0 && errno != ENOENT)
			note(s, error_set(next_error(s), ERROR_SYSTEM, errno, "remove '%s'", path));
	}
}

static void find_temporary(struct search *s, const char *path, const char *name)
{
	_cleanup_strvec_ struct strvec found = STRVEC_INIT;
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return;
	note(s, file_find_temporary(dir, &found, next_error(s)));
	for (size_t i = 0; i < found.n; i++) {
		/* run/ is not only root's; who else writes there tidies up for itself */
		if (!str_starts(found.v[i], "policy."))
			continue;
		strvec_pushf(s->out, "half-written file %s/%s", name, found.v[i]);
		if (!s->dry && unlinkat(dir, found.v[i], 0) < 0 && errno != ENOENT)
			note(s, error_set(next_error(s), ERROR_SYSTEM, errno, "remove '%s'",
					  found.v[i]));
	}
}

/* proc(5): space, tab, newline and backslash are octal there. */
static void unescape(char *text)
{
	char *to = text;
	for (const char *p = text; *p;) {
		unsigned value;
		if (*p == '\\' && sscanf(p + 1, "%3o", &value) == 1 && strlen(p) >= 4) {
			*to++ = (char)value;
			p += 4;
		} else {
			*to++ = *p++;
		}
	}
	*to = '\0';
}

/* Containers' mounts are in namespaces of their own; what shows here should not. */
static void find_mounts(struct search *s)
{
	_cleanup_strbuf_ struct strbuf file = STRBUF_INIT;
	_cleanup_free_ char *below = instance_run(s->inst, "containers/");
	if (file_read(AT_FDCWD, "/proc/self/mountinfo", 64 << 20, &file, next_error(s)) < 0) {
		note(s, -1);
		return;
	}
	_cleanup_strvec_ struct strvec found = STRVEC_INIT;
	char *text = file.data, *line;
	while ((line = strsep(&text, "\n"))) {
		char *field = NULL;
		for (int i = 0; i < 5; i++)
			field = strsep(&line, " ");
		if (!field)
			continue;
		unescape(field);
		const char *rest = str_skip(field, below);
		if (!rest)
			continue;
		_cleanup_free_ char *id = xstrndup(rest, strcspn(rest, "/"));
		if (!is_alive(s, id))
			strvec_push(&found, field);
	}
	/* what was mounted last is unmounted first */
	for (size_t i = found.n; i-- > 0;) {
		strvec_pushf(s->out, "mount %s", found.v[i]);
		if (!s->dry && umount2(found.v[i], MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			note(s, error_set(next_error(s), ERROR_SYSTEM, errno, "unmount '%s'",
					  found.v[i]));
	}
}

static void find_folders(struct search *s)
{
	_cleanup_free_ char *path = instance_run(s->inst, "containers");
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	list(s, path, &names);
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	for (size_t i = 0; dir >= 0 && i < names.n; i++) {
		if (s->claim(s->inst, names.v[i]) != ROSTER_NOTHING)
			continue;
		strvec_pushf(s->out, "container %s", names.v[i]);
		if (!s->dry)
			note(s, file_remove_tree(dir, names.v[i], next_error(s)));
	}
}

int cleanup_run(const struct instance *inst, cleanup_claim *claim, bool dry, struct strvec *out,
		struct error *err)
{
	struct search s = {inst, claim, dry, out, err, 0};
	/* processes first: they hold the rest */
	find_cgroups(&s);
	find_addresses(&s);
	find_elements(&s);
	find_interfaces(&s);
	find_mounts(&s);
	find_folders(&s);
	find_sockets(&s);
	find_temporary(&s, inst->run, "run");
	note(&s, layer_cleanup(inst, dry, out, next_error(&s)));
	note(&s, volume_cleanup(inst, dry, out, next_error(&s)));
	return s.result;
}
