/* SPDX-License-Identifier: MIT */
/* apps:...: making, listing, renaming and destroying apps. */
#include "control/commands/tables.h"

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "control/answer.h"
#include "control/confirm.h"
#include "control/deploy.h"
#include "control/domain.h"
#include "control/listing.h"
#include "control/process.h"
#include "control/tenant.h"
#include "control/volume.h"

static int apps_create(struct context *c, struct request *rq, struct error *err)
{
	struct app app;
	if (tenant_create(c, rq->args.v[0], &app, err) < 0)
		return -1;
	answer_step(c, "Created app '%s'", app.name);
	return 0;
}

static int apps_destroy(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_mounts_ struct volume_mounts kept = VOLUME_MOUNTS_INIT;
	if (confirm(c, "app", rq->app.name, err) < 0 ||
	    volume_mounts(c, rq->app.id, NULL, &kept, err) < 0)
		return -1;
	answer_step(c, "Destroying %s", rq->app.name);
	if (tenant_destroy(c, &rq->app, err) < 0)
		return -1;
	for (size_t i = 0; i < kept.n; i++)
		answer_detail(c, "Its volume '%s' stays: 'storage:destroy %s' destroys it too",
			      kept.v[i].volume, kept.v[i].volume);
	return 0;
}

/* "running" when all wanted processes run, "crashed", "stopped", "not deployed". */
static const char *app_state(const struct app *app, const struct process *all, size_t n)
{
	bool any = false, crashed = false;
	if (app->release == 0)
		return "not deployed";
	if (app->stopped)
		return "stopped";
	for (size_t i = 0; i < n; i++) {
		if (all[i].app != app->id)
			continue;
		any |= all[i].status.state == CONTAINER_RUNNING;
		crashed |= all[i].status.state == CONTAINER_BACKOFF ||
			   all[i].status.state == CONTAINER_EXITED;
	}
	return crashed ? "crashed" : any ? "running" : "down";
}

static int apps_list(struct context *c, struct request *rq, struct error *err)
{
	static const char *const names[] = {"name", NULL};
	static const char *const columns[] = {"name", "state", "release", "created_at", NULL};
	_cleanup_strvec_ struct strvec list = STRVEC_INIT;
	_cleanup_free_ struct process *all = NULL;
	size_t n = 0;
	bool full = request_json(rq) || c->terminal;
	if (app_names(&c->db, &list, err) < 0 ||
	    (full && list.n && process_list(c->inst, 0, &all, &n, err) < 0))
		return -1;
	json_t *rows = json_array();
	for (size_t i = 0; i < list.n; i++) {
		struct app app;
		if (!full) {
			json_array_append_new(rows, json_pack("{s:s}", "name", list.v[i]));
			continue;
		}
		if (app_find(&c->db, list.v[i], &app, err) < 0)
			continue;
		json_array_append_new(
			rows, json_pack("{s:s, s:s, s:o, s:o}", "name", app.name, "state",
					app_state(&app, all, n), "release",
					app.release ? json_sprintf("v%lld", (long long)app.release)
						    : json_null(),
					"created_at", listing_time(app.created_at)));
	}
	listing_table(c, rq, "Apps", rows, full ? columns : names);
	return 0;
}

static int apps_rename(struct context *c, struct request *rq, struct error *err)
{
	if (tenant_rename(c, &rq->app, rq->args.v[0], err) < 0)
		return -1;
	answer_step(c, "Renamed '%s' to '%s'", rq->app.name, rq->args.v[0]);
	answer_detail(c, "Its git remote has the new name too");
	return 0;
}

static int apps_exists(struct context *c, struct request *rq, struct error *err)
{
	(void)c;
	(void)rq;
	(void)err;
	return 0;
}

static int apps_info(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strvec_ struct strvec hosts = STRVEC_INIT;
	_cleanup_strvec_ struct strvec formation = STRVEC_INIT;
	_cleanup_free_ struct process *all = NULL;
	_cleanup_free_ char *url = deploy_url(c, &rq->app);
	size_t n = 0;
	if (domain_list(&c->db, rq->app.id, &hosts, err) < 0 ||
	    formation_load(&c->db, rq->app.id, &formation, err) < 0 ||
	    process_list(c->inst, rq->app.id, &all, &n, err) < 0)
		return -1;
	_cleanup_release_ struct release r;
	struct error none = ERROR_INIT;
	release_init(&r);
	bool released = release_load(c, &rq->app, 0, &r, &none) == 0;
	json_t *domains = json_array(), *scale = json_array();
	for (size_t i = 0; i < hosts.n; i++)
		json_array_append_new(domains, json_string(hosts.v[i]));
	for (size_t i = 0; i < formation.n; i++)
		json_array_append_new(scale, json_string(formation.v[i]));
	json_t *info = json_object();
	json_object_set_new(info, "name", json_string(rq->app.name));
	json_object_set_new(info, "state", json_string(app_state(&rq->app, all, n)));
	json_object_set_new(info, "release",
			    released ? json_sprintf("v%lld", (long long)r.version) : json_null());
	json_object_set_new(info, "commit",
			    released && r.commit ? json_string(r.commit) : json_null());
	json_object_set_new(info, "url", url ? json_string(url) : json_null());
	json_object_set_new(info, "domains", domains);
	json_object_set_new(info, "formation", scale);
	json_object_set_new(info, "processes", json_integer((json_int_t)n));
	json_object_set_new(info, "locked", json_boolean(rq->app.locked));
	json_object_set_new(info, "maintenance", json_boolean(rq->app.maintenance));
	json_object_set_new(info, "created_at", listing_time(rq->app.created_at));
	_cleanup_free_ char *header = xasprintf("App %s information", rq->app.name);
	listing_report(c, rq, header, info);
	return 0;
}

static int apps_lock(struct context *c, struct request *rq, struct error *err)
{
	if (app_set_locked(&c->db, &rq->app, true, err) < 0)
		return -1;
	answer_step(c, "Deploys of '%s' are locked", rq->app.name);
	return 0;
}

static int apps_unlock(struct context *c, struct request *rq, struct error *err)
{
	if (app_set_locked(&c->db, &rq->app, false, err) < 0)
		return -1;
	answer_step(c, "Deploys of '%s' are unlocked", rq->app.name);
	return 0;
}

static int apps_locked(struct context *c, struct request *rq, struct error *err)
{
	(void)err;
	c->exit_status = rq->app.locked ? 0 : 1;
	return 0;
}

static const struct option_spec format_only[] = {OPTION_FORMAT, {0}};
static const struct option_spec destroy_options[] = {
	{"--force", NULL, NULL, "do not ask for the name"}, {0}};

static int destroy_with_option(struct context *c, struct request *rq, struct error *err)
{
	c->force |= request_has(rq, "--force");
	return apps_destroy(c, rq, err);
}

const struct command apps_commands[] = {
	{"apps:create", "APP", "Make an app (a first push does so too)", 0, 1, 1, NULL,
	 apps_create},
	{"apps:destroy", "APP", "Destroy an app with all it has", COMMAND_APP, 0, 0,
	 destroy_options, destroy_with_option},
	{"apps:list", "", "List the apps", COMMAND_API, 0, 0, format_only, apps_list},
	{"apps:rename", "APP NEW", "Give an app another name", COMMAND_APP, 1, 1, NULL,
	 apps_rename},
	{"apps:info", "APP", "Show an app: state, release, domains, scale",
	 COMMAND_APP | COMMAND_API, 0, 0, format_only, apps_info},
	{"apps:report", "APP", "The same as apps:info", COMMAND_APP | COMMAND_API, 0, 0,
	 format_only, apps_info},
	{"apps:exists", "APP", "Exit with 0 when the app exists, 20 otherwise", COMMAND_APP, 0, 0,
	 NULL, apps_exists},
	{"apps:lock", "APP", "Refuse deploys until apps:unlock", COMMAND_APP, 0, 0, NULL,
	 apps_lock},
	{"apps:unlock", "APP", "Allow deploys again", COMMAND_APP, 0, 0, NULL, apps_unlock},
	{"apps:locked", "APP", "Exit with 0 when deploys are locked", COMMAND_APP, 0, 0, NULL,
	 apps_locked},
	{0},
};
