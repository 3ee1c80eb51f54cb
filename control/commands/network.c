/* SPDX-License-Identifier: MIT */
/* network:... and links: which apps reach each other, and where they may go. */
#include "control/commands/tables.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "control/answer.h"
#include "control/appnet.h"
#include "control/confirm.h"
#include "control/egress.h"
#include "control/listing.h"
#include "control/process.h"
#include "instance/ula.h"
#include "resolver/holder.h"

static json_t *names_json(const struct strvec *names)
{
	json_t *out = json_array();
	for (size_t i = 0; i < names->n; i++)
		json_array_append_new(out, json_string(names->v[i]));
	return out;
}

static int create(struct context *c, struct request *rq, struct error *err)
{
	if (appnet_create(c, rq->args.v[0], err) < 0)
		return -1;
	answer_step(c, "Created network '%s'", rq->args.v[0]);
	answer_detail(c, "'network:attach APP %s' lets an app reach the others in it",
		      rq->args.v[0]);
	return 0;
}

static int destroy(struct context *c, struct request *rq, struct error *err)
{
	const char *name = rq->args.v[0];
	c->force |= request_has(rq, "--force");
	if (appnet_find(c, name, NULL, err) < 0 || confirm(c, "network", name, err) < 0 ||
	    appnet_destroy(c, name, err) < 0)
		return -1;
	answer_step(c, "Destroyed network '%s'", name);
	return 0;
}

static int exists(struct context *c, struct request *rq, struct error *err)
{
	if (appnet_find(c, rq->args.v[0], NULL, err) < 0)
		return -1;
	answer_step(c, "Network '%s' exists", rq->args.v[0]);
	return 0;
}

static int list(struct context *c, struct request *rq, struct error *err)
{
	static const char *const columns[] = {"network", "apps", NULL};
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	if (appnet_list(c, &names, err) < 0)
		return -1;
	json_t *rows = json_array();
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_strvec_ struct strvec apps = STRVEC_INIT;
		if (appnet_apps(c, names.v[i], &apps, err) < 0) {
			json_decref(rows);
			return -1;
		}
		json_array_append_new(rows, json_pack("{s:s, s:o}", "network", names.v[i], "apps",
						      names_json(&apps)));
	}
	listing_table(c, rq, "Networks", rows, columns);
	return 0;
}

static int info(struct context *c, struct request *rq, struct error *err)
{
	const char *name = rq->args.v[0];
	_cleanup_strvec_ struct strvec apps = STRVEC_INIT;
	int64_t created_at = 0;
	if (appnet_find(c, name, &created_at, err) < 0 || appnet_apps(c, name, &apps, err) < 0)
		return -1;
	json_t *out = json_object();
	json_object_set_new(out, "name", json_string(name));
	json_object_set_new(out, "apps", names_json(&apps));
	json_object_set_new(out, "created_at", listing_time(created_at));
	_cleanup_free_ char *header = xasprintf("Network %s", name);
	listing_report(c, rq, header, out);
	return 0;
}

static int attach(struct context *c, struct request *rq, struct error *err)
{
	if (appnet_join(c, &rq->app, rq->args.v[0], err) < 0)
		return -1;
	answer_step(c, "Attached %s to network '%s'", rq->app.name, rq->args.v[0]);
	return 0;
}

static int detach(struct context *c, struct request *rq, struct error *err)
{
	if (appnet_leave(c, &rq->app, rq->args.v[0], err) < 0)
		return -1;
	answer_step(c, "Detached %s from network '%s'", rq->app.name, rq->args.v[0]);
	return 0;
}

/* The IPv6 address of a process, false when it has none. */
static bool ipv6_of(int run, const struct process *p, char out[INET6_ADDRSTRLEN])
{
	struct in_addr in;
	if (inet_pton(AF_INET, p->status.address, &in) != 1 ||
	    !holder_has_ipv6(run, ntohl(in.s_addr)))
		return false;
	ula_text(ntohl(in.s_addr), out);
	return true;
}

/* "web.1 ADDRESS" for each process that runs now, to OUT; those of IPv6 to OUT6. */
static int add_addresses(struct context *c, const struct app *app, json_t *out, json_t *out6,
			 struct error *err)
{
	_cleanup_close_ int run = open(c->inst->run, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ struct process *all = NULL;
	size_t n = 0;
	if (process_list(c->inst, app->id, &all, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct process *p = &all[i];
		char address6[INET6_ADDRSTRLEN];
		if (p->status.state != CONTAINER_RUNNING || !*p->status.address)
			continue;
		json_array_append_new(out,
				      json_sprintf("%s.%u %s", p->type, p->n, p->status.address));
		if (ipv6_of(run, p, address6))
			json_array_append_new(out6,
					      json_sprintf("%s.%u %s", p->type, p->n, address6));
	}
	return 0;
}

static int report(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strvec_ struct strvec networks = STRVEC_INIT, to = STRVEC_INIT, from = STRVEC_INIT;
	_cleanup_free_ char *egress = NULL;
	if (appnet_of(c, &rq->app, &networks, err) < 0 ||
	    appnet_links(c, &rq->app, false, &to, err) < 0 ||
	    appnet_links(c, &rq->app, true, &from, err) < 0 ||
	    setting_own(&c->db, rq->app.id, EGRESS_KEY, &egress, err) < 0)
		return -1;
	json_t *out = json_object(), *addresses = json_array(), *addresses6 = json_array();
	json_object_set_new(out, "network-addresses", addresses);
	json_object_set_new(out, "network-ipv6-addresses", addresses6);
	if (add_addresses(c, &rq->app, addresses, addresses6, err) < 0) {
		json_decref(out);
		return -1;
	}
	json_object_set_new(out, "network-attached", names_json(&networks));
	json_object_set_new(out, "network-links-to", names_json(&to));
	json_object_set_new(out, "network-links-from", names_json(&from));
	json_object_set_new(out, "network-egress", json_string(egress ? egress : "open"));
	listing_properties(c, rq, rq->app.name, "network", out);
	return 0;
}

static int set(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_free_ char *value = NULL;
	if (strcmp(rq->args.v[0], EGRESS_KEY) != 0)
		return error_set(err, ERROR_INVALID, 0,
				 "no property '%.80s': there is egress, and "
				 "'network:attach' and 'links:add' say whom an app reaches",
				 rq->args.v[0]);
	/* without a value it is as it was at first */
	if ((rq->args.n > 1 && egress_setting(&rq->args, 1, &value, err) < 0) ||
	    appnet_set_egress(c, &rq->app, value, err) < 0)
		return -1;
	answer_property(c, rq->app.name, EGRESS_KEY, value);
	return 0;
}

static int links(struct context *c, struct request *rq, struct error *err)
{
	static const char *const columns[] = {"app", "target", NULL};
	_cleanup_strvec_ struct strvec apps = STRVEC_INIT;
	if (rq->args.n)
		strvec_push(&apps, rq->args.v[0]);
	else if (app_names(&c->db, &apps, err) < 0)
		return -1;
	json_t *rows = json_array();
	for (size_t i = 0; i < apps.n; i++) {
		_cleanup_strvec_ struct strvec targets = STRVEC_INIT;
		struct app app;
		if (app_find(&c->db, apps.v[i], &app, err) < 0 ||
		    appnet_links(c, &app, false, &targets, err) < 0) {
			json_decref(rows);
			return -1;
		}
		for (size_t k = 0; k < targets.n; k++)
			json_array_append_new(rows, json_pack("{s:s, s:s}", "app", app.name,
							      "target", targets.v[k]));
	}
	listing_table(c, rq, "Links", rows, columns);
	return 0;
}

static int links_add(struct context *c, struct request *rq, struct error *err)
{
	if (appnet_link(c, &rq->app, &rq->args, err) < 0)
		return -1;
	for (size_t i = 0; i < rq->args.n; i++)
		answer_step(c, "%s reaches %s, as %s.internal", rq->app.name, rq->args.v[i],
			    rq->args.v[i]);
	return 0;
}

static int links_remove(struct context *c, struct request *rq, struct error *err)
{
	if (appnet_unlink(c, &rq->app, &rq->args, err) < 0)
		return -1;
	for (size_t i = 0; i < rq->args.n; i++)
		answer_step(c, "Removed the link from %s to %s", rq->app.name, rq->args.v[i]);
	return 0;
}

static const struct option_spec format_only[] = {OPTION_FORMAT, {0}};
static const struct option_spec destroy_options[] = {
	{"--force", NULL, NULL, "do not ask for the name"}, {0}};
static const struct option_spec report_options[] = {
	OPTION_FORMAT,
	{"--network-addresses", NULL, NULL, "only this: where its processes are now"},
	{"--network-ipv6-addresses", NULL, NULL, "only this: those of IPv6"},
	{"--network-attached", NULL, NULL, "only this: the networks that it is attached to"},
	{"--network-links-to", NULL, NULL, "only this: the apps that it reaches by a link"},
	{"--network-links-from", NULL, NULL, "only this: the apps that reach it by a link"},
	{"--network-egress", NULL, NULL, "only this: where it may go outside"},
	{0}};

const struct command network_commands[] = {
	{"network:create", "NAME", "Make a network", 0, 1, 1, NULL, create},
	{"network:destroy", "NAME", "Destroy a network that no app is attached to", 0, 1, 1,
	 destroy_options, destroy},
	{"network:exists", "NAME", "Tell whether a network exists", 0, 1, 1, NULL, exists},
	{"network:list", "", "List the networks", COMMAND_API, 0, 0, format_only, list},
	{"network:info", "NAME", "Show a network and its apps", COMMAND_API, 1, 1, format_only,
	 info},
	{"network:attach", "APP NAME", "Let an app and the others of a network reach each other",
	 COMMAND_APP, 1, 1, NULL, attach},
	{"network:detach", "APP NAME", "Take an app out of a network", COMMAND_APP, 1, 1, NULL,
	 detach},
	{"network:report", "APP", "Show whom an app reaches, and who it", COMMAND_APP | COMMAND_API,
	 0, 0, report_options, report},
	{"network:set", "APP egress [open|none|allow TARGET...]", "Say where an app may go outside",
	 COMMAND_APP, 1, 2 + EGRESS_MAX, NULL, set},
	{"links", "[APP]", "List the links", COMMAND_API, 0, 1, format_only, links},
	{"links:add", "APP OTHER...", "Let an app open connections to others", COMMAND_APP, 1, -1,
	 NULL, links_add},
	{"links:remove", "APP OTHER...", "Take that away again", COMMAND_APP, 1, -1, NULL,
	 links_remove},
	{0},
};
