/* SPDX-License-Identifier: MIT */
/* router:...: maintenance and what the router knows of an app. */
#include "control/commands/tables.h"

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "control/answer.h"
#include "control/domain.h"
#include "control/listing.h"
#include "control/rollout.h"
#include "router/router.h"

#define PAGE_MAX (1u << 20)

static int router_maintenance(struct context *c, struct request *rq, struct error *err)
{
	bool on = strcmp(rq->args.v[0], "on") == 0;
	if (!on && strcmp(rq->args.v[0], "off") != 0)
		return error_set(err, ERROR_USAGE, 0, "expected on or off, not '%.40s'",
				 rq->args.v[0]);
	if (app_set_maintenance(&c->db, &rq->app, on, err) < 0 ||
	    rollout_route(c, &rq->app, err) < 0)
		return -1;
	answer_step(c, "Maintenance of %s is %s", rq->app.name, on ? "on" : "off");
	return 0;
}

static int router_page(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strbuf_ struct strbuf page = STRBUF_INIT;
	strbuf_cap(&page, PAGE_MAX);
	if (strbuf_read_fd(&page, STDIN_FILENO, err) < 0)
		return -1;
	if (page.overflow)
		return error_set(err, ERROR_INVALID, 0, "a page has at most %u bytes", PAGE_MAX);
	if (strlen(page.data) != page.len)
		return error_set(err, ERROR_INVALID, 0, "the page has a NUL byte");
	if (app_set_page(&c->db, &rq->app, page.len ? page.data : NULL, err) < 0 ||
	    rollout_route(c, &rq->app, err) < 0)
		return -1;
	answer_step(c, "%s the maintenance page of %s", page.len ? "Set" : "Cleared", rq->app.name);
	return 0;
}

static int router_report(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strvec_ struct strvec hosts = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf page = STRBUF_INIT;
	_cleanup_strbuf_ struct strbuf stats = STRBUF_INIT;
	if (domain_list(&c->db, rq->app.id, &hosts, err) < 0 ||
	    app_page(&c->db, &rq->app, &page, err) < 0 || router_stats(c->inst, &stats, err) < 0)
		return -1;
	json_t *all = json_loads(stats.data, 0, NULL), *names = json_array();
	for (size_t i = 0; i < hosts.n; i++)
		json_array_append_new(names, json_string(hosts.v[i]));
	json_t *counters = json_object_get(all, rq->app.name);
	json_t *report =
		json_pack("{s:s, s:b, s:b, s:o}", "app", rq->app.name, "maintenance",
			  rq->app.maintenance, "custom_page", page.len > 0, "hosts", names);
	json_t *requests = json_object_get(counters, "requests");
	json_object_set(report, "requests", requests ? requests : json_null());
	json_decref(all);
	listing_report(c, rq, "Router information", report);
	return 0;
}

static const struct option_spec format_only[] = {OPTION_FORMAT, {0}};

const struct command router_commands[] = {
	{"router:maintenance", "APP on|off", "Answer requests with the maintenance page",
	 COMMAND_APP, 1, 1, NULL, router_maintenance},
	{"router:page", "APP [-]", "Set the maintenance page from stdin (empty clears)",
	 COMMAND_APP, 0, 1, NULL, router_page},
	{"router:report", "APP", "Show an app's hosts, maintenance and request count", COMMAND_APP,
	 0, 0, format_only, router_report},
	{0},
};
