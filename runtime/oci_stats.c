/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/cleanup.h"
#include "runtime/hierarchy.h"
#include "runtime/oci.h"

/* A figure of the cgroup, "max" being the largest; 0 where there is none. */
static json_t *figure(const struct cgroup *cg, const char *controller, const char *v1,
		      const char *v2)
{
	uint64_t n = hierarchy_number(cg, cg->v2 ? "" : controller, cg->v2 ? v2 : v1);

	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

/* In the words of "runc events", which engines read. */
static json_t *data(const struct cgroup *cg, const struct cgroup_usage *use)
{
	return json_pack("{s:{s:{s:I}, s:{}}, s:{s:{s:o, s:I, s:I}}, s:{s:I, s:o}}", "cpu", "usage",
			 "total", (json_int_t)use->cpu_us * 1000, "throttling", "memory", "usage",
			 "limit", figure(cg, "memory", "memory.limit_in_bytes", "memory.max"),
			 "usage", (json_int_t)use->memory, "max", (json_int_t)use->memory_peak,
			 "pids", "current", (json_int_t)use->pids, "limit",
			 figure(cg, "pids", "pids.max", "pids.max"));
}

static void add_event(struct strbuf *out, const char *type, const char *id, json_t *more)
{
	json_t *json = json_pack("{s:s, s:s}", "type", type, "id", id);
	_cleanup_free_ char *text = NULL;

	if (more)
		json_object_set_new(json, "data", more);
	text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	strbuf_addf(out, "%s\n", text ? text : "{}");
}

int oci_stats(const char *root, const char *id, uint64_t *oom_kills, struct strbuf *out,
	      struct error *err)
{
	_cleanup_oci_ struct oci o = {.folder = NULL};
	struct cgroup_usage use;
	struct cgroup_hits hits;
	struct cgroup cg;

	if (oci_load(root, id, &o, err) < 0)
		return -1;
	if (oci_status(&o) == OCI_STOPPED)
		return error_set(err, ERROR_NOT_FOUND, 0, "container '%s' is not running", id);
	if (hierarchy_open(o.cgroup, false, &cg, err) < 0)
		return -1;
	cgroup_usage(&cg, &use);
	cgroup_hits(&cg, &hits);
	if (oom_kills && hits.oom_kills > *oom_kills)
		add_event(out, "oom", id, NULL);
	if (oom_kills)
		*oom_kills = hits.oom_kills;
	add_event(out, "stats", id, data(&cg, &use));
	cgroup_close(&cg);
	return 0;
}
