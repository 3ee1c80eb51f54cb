/* SPDX-License-Identifier: MIT */
#include "control/metrics.h"

#include "base/cleanup.h"
#include "control/process.h"
#include "router/router.h"

static json_t *processes(const struct app *app, const struct process *all, size_t n)
{
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++) {
		const struct container_status *s = &all[i].status;
		if (all[i].app != app->id)
			continue;
		json_array_append_new(list, json_pack("{s:s, s:i, s:s, s:i, s:I, s:I, s:i}", "type",
						      all[i].type, "n", (int)all[i].n, "state",
						      process_state_name(s->state), "restarts",
						      (int)s->restarts, "memory",
						      (json_int_t)s->memory, "cpu_us",
						      (json_int_t)s->cpu_us, "pids", (int)s->pids));
	}
	return list;
}

int metrics_collect(struct context *c, json_t **out, struct error *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	_cleanup_free_ struct process *all = NULL;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	size_t n = 0;
	if (app_names(&c->db, &names, err) < 0 || process_list(c->inst, 0, &all, &n, err) < 0 ||
	    router_stats(c->inst, &text, err) < 0)
		return -1;
	json_t *stats = json_loads(text.data, 0, NULL), *apps = json_array();
	for (size_t i = 0; i < names.n; i++) {
		struct app app;
		struct error gone = ERROR_INIT;
		if (app_find(&c->db, names.v[i], &app, &gone) < 0)
			continue;
		json_t *routed = json_object_get(stats, app.name);
		json_array_append_new(apps, json_pack("{s:s, s:I, s:o, s:O}", "name", app.name,
						      "release", (json_int_t)app.release,
						      "processes", processes(&app, all, n),
						      "router", routed ? routed : json_null()));
	}
	json_decref(stats);
	*out = json_pack("{s:s, s:o}", "version", BERTH_VERSION, "apps", apps);
	return 0;
}
