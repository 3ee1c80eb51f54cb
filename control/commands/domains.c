/* SPDX-License-Identifier: MIT */
/* domains:... and urls: the host names that lead to an app. */
#include "control/commands/tables.h"

#include "base/cleanup.h"
#include "control/answer.h"
#include "control/domain.h"
#include "control/listing.h"
#include "control/rollout.h"
#include "router/router.h"

static int domains_report(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strvec_ struct strvec hosts = STRVEC_INIT;
	if (domain_list(&c->db, rq->app.id, &hosts, err) < 0)
		return -1;
	json_t *names = json_array();
	for (size_t i = 0; i < hosts.n; i++)
		json_array_append_new(names, json_string(hosts.v[i]));
	_cleanup_free_ char *header = xasprintf("App %s domains information", rq->app.name);
	listing_report(c, rq, header,
		       json_pack("{s:s, s:b, s:o}", "app", rq->app.name, "enabled", hosts.n > 0,
				 "vhosts", names));
	return 0;
}

/* Adds or removes all names, or none. */
static int change(struct context *c, struct request *rq,
		  int (*one)(struct context *, const struct app *, const char *, struct error *),
		  struct error *err)
{
	if (db_begin(&c->db, err) < 0)
		return -1;
	for (size_t i = 0; i < rq->args.n; i++)
		if (one(c, &rq->app, rq->args.v[i], err) < 0) {
			db_rollback(&c->db);
			return -1;
		}
	if (db_commit(&c->db, err) < 0)
		return -1;
	return rollout_route(c, &rq->app, err);
}

static int domains_add(struct context *c, struct request *rq, struct error *err)
{
	if (change(c, rq, domain_add, err) < 0)
		return -1;
	for (size_t i = 0; i < rq->args.n; i++)
		answer_step(c, "Added %s to %s", rq->args.v[i], rq->app.name);
	return 0;
}

static int domains_remove(struct context *c, struct request *rq, struct error *err)
{
	if (change(c, rq, domain_remove, err) < 0)
		return -1;
	for (size_t i = 0; i < rq->args.n; i++)
		answer_step(c, "Removed %s from %s", rq->args.v[i], rq->app.name);
	return 0;
}

static int urls(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strvec_ struct strvec hosts = STRVEC_INIT;
	if (domain_list(&c->db, rq->app.id, &hosts, err) < 0)
		return -1;
	for (size_t i = 0; i < hosts.n; i++) {
		_cleanup_free_ char *url = router_url(c->inst, hosts.v[i]);
		answer_line(c, "%s", url);
	}
	return 0;
}

static const struct option_spec format_only[] = {OPTION_FORMAT, {0}};

const struct command domains_commands[] = {
	{"domains:add", "APP DOMAIN...", "Route host names to an app", COMMAND_APP, 1, -1, NULL,
	 domains_add},
	{"domains:remove", "APP DOMAIN...", "Stop routing host names to an app", COMMAND_APP, 1, -1,
	 NULL, domains_remove},
	{"domains:report", "APP", "List an app's host names", COMMAND_APP | COMMAND_API, 0, 0,
	 format_only, domains_report},
	{"urls", "APP", "Print an app's URLs", COMMAND_APP, 0, 0, NULL, urls},
	{0},
};
