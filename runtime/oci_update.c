/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/cleanup.h"
#include "runtime/bundle.h"
#include "runtime/oci.h"
#include "runtime/scope.h"

#define RESOURCES_MAX (1u << 20)

/* The options of "update", as runc has them, and where in "resources" they stand. */
static const struct {
	const char *option, *group, *key;
	enum { NUMBER, SIZE, TEXT } kind;
} settings[] = {
	{"blkio-weight", "blockIO", "weight", NUMBER},
	{"cpu-period", "cpu", "period", NUMBER},
	{"cpu-quota", "cpu", "quota", NUMBER},
	{"cpu-burst", "cpu", "burst", NUMBER},
	{"cpu-share", "cpu", "shares", NUMBER},
	{"cpu-rt-period", "cpu", "realtimePeriod", NUMBER},
	{"cpu-rt-runtime", "cpu", "realtimeRuntime", NUMBER},
	{"cpu-idle", "cpu", "idle", NUMBER},
	{"cpuset-cpus", "cpu", "cpus", TEXT},
	{"cpuset-mems", "cpu", "mems", TEXT},
	{"memory", "memory", "limit", SIZE},
	{"memory-reservation", "memory", "reservation", SIZE},
	{"memory-swap", "memory", "swap", SIZE},
	{"kernel-memory", "memory", "kernel", SIZE},
	{"kernel-memory-tcp", "memory", "kernelTCP", SIZE},
	{"pids-limit", "pids", "limit", NUMBER},
};

const char *oci_update_option(size_t i)
{
	return i < ARRAY_SIZE(settings) ? settings[i].option : NULL;
}

/* "512m": bytes, or with b, k, m or g; -1: no limit. */
static int parse_number(const char *text, bool size, json_int_t *out)
{
	static const char letters[] = "bkmgt";
	_cleanup_free_ char *copy = xstrdup(text);
	size_t len = strlen(copy);
	unsigned shift = 0;
	unsigned long long n;

	if (!strcmp(text, "-1")) {
		*out = -1;
		return 0;
	}
	if (size && len > 1) {
		const char *letter = strchr(letters, copy[len - 1] | 0x20);

		if (letter) {
			shift = 10u * (unsigned)(letter - letters);
			copy[len - 1] = '\0';
		}
	}
	if (str_to_u64(copy, 0, (unsigned long long)INT64_MAX >> shift, &n) < 0)
		return -1;
	*out = (json_int_t)(n << shift);
	return 0;
}

int oci_update_set(json_t *resources, size_t i, const char *value, struct error *err)
{
	json_t *group = json_object_get(resources, settings[i].group);
	json_int_t n = 0;

	if (!group) {
		group = json_object();
		json_object_set_new(resources, settings[i].group, group);
	}
	if (settings[i].kind == TEXT) {
		json_object_set_new(group, settings[i].key, json_string(value));
		return 0;
	}
	if (parse_number(value, settings[i].kind == SIZE, &n) < 0)
		return error_set(err, ERROR_USAGE, 0, "--%s: '%s' is not a number%s",
				 settings[i].option, value,
				 settings[i].kind == SIZE ? " like 512m" : "");
	json_object_set_new(group, settings[i].key, json_integer(n));
	return 0;
}

int oci_update(const char *root, const char *id, const char *file, json_t *resources,
	       struct error *err)
{
	_cleanup_oci_ struct oci o = {.folder = NULL};
	_cleanup_bundle_ struct bundle b;
	struct fields f = {err, false};
	struct cgroup cg;
	int failed;

	bundle_init(&b);
	if (oci_load(root, id, &o, err) < 0)
		return -1;
	if (oci_status(&o) == OCI_STOPPED)
		return error_set(err, ERROR_INVALID, 0, "container '%s' is not running", id);
	if (file && fields_load(str_equal(file, "-") ? "/dev/stdin" : file, RESOURCES_MAX, &b.json,
				err) < 0)
		return -1;
	if (!b.json)
		b.json = json_object();
	json_object_update_recursive(b.json, resources);
	/* those were settled when it was created */
	json_object_del(b.json, "devices");
	bundle_resources(&b, &f, b.json);
	if (f.bad || (*o.unit && scope_limit(o.unit, b.writes, b.n_writes, err) < 0))
		return -1;
	if (hierarchy_open(o.cgroup, false, &cg, err) < 0)
		return -1;
	failed = bundle_limit(&b, &cg, err);
	cgroup_close(&cg);
	return failed;
}
