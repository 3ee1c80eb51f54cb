/* SPDX-License-Identifier: MIT */
#include "runtime/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

/* runtime-spec, config-linux.md, "Namespaces", "User namespace mappings", "Offset for Time
 * Namespace" */

bool bundle_has_namespace(const struct bundle *b, int flag)
{
	for (unsigned i = 0; i < b->setup.n_joins; i++) {
		if (b->joins[i].type == flag)
			return true;
	}
	return (b->setup.namespaces & (unsigned)flag) != 0;
}

static const struct {
	const char *name;
	int flag;
} namespace_names[] = {
	/* in the order in which they are entered */
	{"user", CLONE_NEWUSER},   {"ipc", CLONE_NEWIPC},   {"uts", CLONE_NEWUTS},
	{"network", CLONE_NEWNET}, {"pid", CLONE_NEWPID},   {"cgroup", CLONE_NEWCGROUP},
	{"mount", CLONE_NEWNS},    {"time", CLONE_NEWTIME},
};

const char *bundle_namespace(size_t i)
{
	return i < ARRAY_SIZE(namespace_names) ? namespace_names[i].name : NULL;
}

static void join_namespace(struct bundle *b, struct fields *f, const char *path, const char *name,
			   int flag)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int type = fd < 0 ? -1 : ioctl(fd, NS_GET_NSTYPE);

	if (type != flag) {
		if (fd < 0)
			fields_bad(f, "namespace '%s': open '%s': %s", name, path, strerror(errno));
		else
			fields_bad(f, "namespace '%s': '%s' is not of that type", name, path);
		close_fd(fd);
		return;
	}
	b->joins[b->setup.n_joins++] = (struct container_join){fd, flag};
}

static void read_namespaces(struct bundle *b, struct fields *f, json_t *linux_)
{
	json_t *list = fields_array(f, linux_, "namespaces");
	unsigned seen = 0;

	for (size_t k = 0; k < ARRAY_SIZE(namespace_names); k++) {
		const char *name = namespace_names[k].name;
		int flag = namespace_names[k].flag;

		for (size_t i = 0; i < json_array_size(list); i++) {
			json_t *one = json_array_get(list, i);
			const char *type = fields_string(f, one, "type");
			const char *path = fields_string(f, one, "path");

			if (!str_equal(type, name))
				continue;
			if (seen & (unsigned)flag)
				fields_bad(f, "'namespaces': '%s' is there twice", name);
			seen |= (unsigned)flag;
			if (path && *path)
				join_namespace(b, f, path, name, flag);
			else
				b->setup.namespaces |= (unsigned)flag;
		}
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *type = fields_string(f, json_array_get(list, i), "type");
		bool known = false;

		for (size_t k = 0; k < ARRAY_SIZE(namespace_names); k++)
			known = known || str_equal(type, namespace_names[k].name);
		if (!known)
			fields_bad(f, "'namespaces': unknown type '%s'", type ? type : "");
	}
	b->setup.joins = b->joins;
	b->setup.takes_ids = (seen & CLONE_NEWUSER) != 0;
	b->setup.loopback = (b->setup.namespaces & CLONE_NEWNET) != 0;
	b->root.pivot = (seen & CLONE_NEWNS) != 0;
}

static void read_ids(struct bundle *b, struct fields *f, json_t *linux_)
{
	bundle_ids(f, linux_, &b->ids);
	if (b->setup.namespaces & CLONE_NEWUSER) {
		if (!b->ids.n_uids || !b->ids.n_gids)
			fields_bad(f, "a user namespace needs 'uidMappings' and 'gidMappings'");
		b->setup.ids = &b->ids;
		for (unsigned i = 0; i < b->ids.n_uids; i++) {
			if (b->ids.uids[i].inside == 0)
				b->setup.owner = b->ids.uids[i].outside;
		}
	}
	b->root.nodes = !bundle_has_namespace(b, CLONE_NEWUSER);
}

static void read_offsets(struct bundle *b, struct fields *f, json_t *offsets)
{
	static const char *const clocks[] = {"monotonic", "boottime"};
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (!json_object_size(offsets))
		return;
	if (!(b->setup.namespaces & CLONE_NEWTIME)) {
		fields_bad(f, "'timeOffsets' need a new time namespace");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		json_t *one = fields_object(f, offsets, clocks[i]);
		int64_t secs = 0, nanosecs = 0;

		fields_number(f, one, "secs", INT64_MIN, INT64_MAX, &secs);
		fields_number(f, one, "nanosecs", 0, 999999999, &nanosecs);
		if (one)
			strbuf_addf(&text, "%s %lld %lld\n", clocks[i], (long long)secs,
				    (long long)nanosecs);
	}
	b->setup.time_offsets = bundle_text(b, strbuf_detach(&text));
}

void bundle_namespaces(struct bundle *b, struct fields *f, json_t *linux_)
{
	read_namespaces(b, f, linux_);
	read_ids(b, f, linux_);
	read_offsets(b, f, fields_object(f, linux_, "timeOffsets"));
}
