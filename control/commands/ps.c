/* SPDX-License-Identifier: MIT */
/* ps...: the processes of an app. */
#include "control/commands/tables.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "control/answer.h"
#include "control/deploy.h"
#include "control/leaving.h"
#include "control/listing.h"
#include "control/lock.h"
#include "control/nextstart.h"
#include "control/release.h"
#include "control/rollout.h"

/* How long the processor's use is watched. */
#define WATCH_MS 200

static const struct container_status *find_status(const struct process *all, size_t n,
						  const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i].status.id, id) == 0)
			return &all[i].status;
	return NULL;
}

/* What a process used in between two looks, a second: cores, bytes to and from it. */
struct rates {
	double cores, to, from;
};

static double rate(uint64_t then, uint64_t now, double elapsed_us)
{
	return now > then ? (double)(now - then) * 1e6 / elapsed_us : 0;
}

/* Takes a list, twice when anything runs. */
static int watch(struct context *c, int64_t app, struct process **out, size_t *out_n,
		 struct rates **out_rates, struct error *err)
{
	_cleanup_free_ struct process *first = NULL;
	size_t n = 0;
	int64_t begin = clock_us();
	bool any = false;
	if (process_list(c->inst, app, &first, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		any |= first[i].status.state == CONTAINER_RUNNING;
	if (any)
		clock_sleep_ms(WATCH_MS);
	double elapsed = (double)(clock_us() - begin);
	if (process_list(c->inst, app, out, out_n, err) < 0)
		return -1;
	*out_rates = xcalloc(*out_n, sizeof(**out_rates));
	for (size_t i = 0; i < *out_n; i++) {
		const struct container_status *now = &(*out)[i].status;
		const struct container_status *then = find_status(first, n, now->id);
		if (then)
			(*out_rates)[i] =
				(struct rates){rate(then->cpu_us, now->cpu_us, elapsed) / 1e6,
					       rate(then->net_to, now->net_to, elapsed),
					       rate(then->net_from, now->net_from, elapsed)};
	}
	return 0;
}

#define MB(bytes) ((double)(bytes) / (1024 * 1024))

/* One direction: "0.4/2.0", or without a limit "0.4". */
static void add_rate(struct strbuf *out, const char *before, double use, uint64_t limit)
{
	strbuf_addf(out, "%s%.1f", before, MB(use));
	if (limit)
		strbuf_addf(out, "/%.1f", MB(limit));
}

/* For people: what is used, and of how much. */
static void add_usage_text(json_t *row, const struct container_status *s, const struct rates *r)
{
	_cleanup_strbuf_ struct strbuf net = STRBUF_INIT;
	if (s->state != CONTAINER_RUNNING)
		return;
	json_object_set_new(row, "memory",
			    json_sprintf("%.1f/%llu MB", MB(s->memory),
					 (unsigned long long)(s->memory_limit >> 20)));
	json_object_set_new(
		row, "cpu",
		s->cpu_millis ? json_sprintf("%.2f/%.2f", r->cores, (double)s->cpu_millis / 1000)
			      : json_sprintf("%.2f", r->cores));
	json_object_set_new(row, "disk",
			    json_sprintf("%.1f/%llu MB", MB(s->disk),
					 (unsigned long long)(s->disk_limit >> 20)));
	add_rate(&net, "", r->to, s->net_to_limit);
	add_rate(&net, " in ", r->from, s->net_from_limit);
	json_object_set_new(row, "network", json_sprintf("%s out MB/s", net.data));
	json_object_set_new(row, "processes", json_sprintf("%u/%u", s->pids, s->pids_limit));
}

static json_t *limit_or_null(uint64_t bytes)
{
	return bytes ? json_integer((json_int_t)bytes) : json_null();
}

/* Bytes a second. */
static void add_network(json_t *row, const struct container_status *s, const struct rates *r)
{
	json_object_set_new(row, "network_ingress", json_integer((json_int_t)r->to));
	json_object_set_new(row, "network_ingress_limit", limit_or_null(s->net_to_limit));
	json_object_set_new(row, "network_egress", json_integer((json_int_t)r->from));
	json_object_set_new(row, "network_egress_limit", limit_or_null(s->net_from_limit));
}

/* What its image's HEALTHCHECK says, null when it has none. */
static void add_health(json_t *row, const struct container_status *s)
{
	bool none = s->health == HEALTH_NONE, told = !none && s->health_checks > 0;
	json_object_set_new(row, "health",
			    none ? json_null() : json_string(runtime_health_name(s->health)));
	json_object_set_new(row, "health_failures",
			    none ? json_null() : json_integer(s->health_failures));
	json_object_set_new(row, "health_text", told ? listing_text(s->health_text) : json_null());
}

static int ps_report(struct context *c, struct request *rq, struct error *err)
{
	static const char *const columns[] = {"process",    "state",     "release", "memory",
					      "cpu",        "processes", "disk",    "restarts",
					      "started_at", "network",   "health",  NULL};
	const char *shown[ARRAY_SIZE(columns)];
	bool watched = false, limited = false;
	_cleanup_free_ struct rates *rates = NULL;
	_cleanup_free_ struct process *all = NULL;
	_cleanup_strvec_ struct strvec leaving = STRVEC_INIT;
	size_t n = 0;
	if (leaving_list(c->inst, rq->app.id, &leaving, err) < 0 ||
	    watch(c, rq->app.id, &all, &n, &rates, err) < 0)
		return -1;
	json_t *rows = json_array();
	for (size_t i = 0; i < n; i++) {
		const struct container_status *s = &all[i].status;
		json_t *row = json_object();
		json_object_set_new(row, "process", json_sprintf("%s.%u", all[i].type, all[i].n));
		bool leaves = strvec_has(&leaving, s->id);
		json_object_set_new(row, "state",
				    json_string(leaves ? "leaving" : process_state_name(s->state)));
		json_object_set_new(row, "release",
				    json_sprintf("v%lld", (long long)all[i].generation));
		json_object_set_new(row, "memory_mb", json_real(MB(s->memory)));
		json_object_set_new(row, "memory_limit_mb",
				    json_integer((json_int_t)(s->memory_limit >> 20)));
		json_object_set_new(row, "cpu_seconds", json_real((double)s->cpu_us / 1e6));
		json_object_set_new(row, "cpu_cores", json_real(rates[i].cores));
		json_object_set_new(row, "cpu_limit",
				    s->cpu_millis ? json_real((double)s->cpu_millis / 1000)
						  : json_null());
		json_object_set_new(row, "pids", json_integer(s->pids));
		json_object_set_new(row, "pids_limit", json_integer(s->pids_limit));
		json_object_set_new(row, "disk_mb", json_real(MB(s->disk)));
		json_object_set_new(row, "disk_limit_mb",
				    json_integer((json_int_t)(s->disk_limit >> 20)));
		add_network(row, s, &rates[i]);
		limited |= s->net_to_limit || s->net_from_limit;
		json_object_set_new(row, "restarts", json_integer(s->restarts));
		json_object_set_new(row, "exit_code", json_integer(s->exit_code));
		json_object_set_new(row, "started_at", listing_time(s->started_us));
		add_health(row, s);
		watched |= s->health != HEALTH_NONE;
		json_object_set_new(row, "container", json_string(s->id));
		json_object_set_new(row, "address", json_string(s->address));
		if (!request_json(rq))
			add_usage_text(row, s, &rates[i]);
		json_array_append_new(rows, row);
	}
	_cleanup_free_ char *header =
		xasprintf("App %s processes%s", rq->app.name,
			  n == 0 && rq->app.stopped ? ": stopped, ps:start starts them" : "");
	size_t n_shown = 0;
	for (const char *const *column = columns; *column; column++) {
		if ((watched || strcmp(*column, "health") != 0) &&
		    (limited || strcmp(*column, "network") != 0))
			shown[n_shown++] = *column;
	}
	shown[n_shown] = NULL;
	listing_table(c, rq, header, rows, shown);
	return 0;
}

static int show_scale(struct context *c, struct request *rq, struct error *err)
{
	static const char *const columns[] = {"type", "quantity", NULL};
	_cleanup_strvec_ struct strvec formation = STRVEC_INIT;
	if (formation_load(&c->db, rq->app.id, &formation, err) < 0)
		return -1;
	json_t *rows = json_array();
	for (size_t i = 0; i < formation.n; i++) {
		size_t len = strcspn(formation.v[i], "=");
		_cleanup_free_ char *type = xstrndup(formation.v[i], len);
		json_array_append_new(rows, json_pack("{s:s, s:i}", "type", type, "quantity",
						      (int)formation_get(&formation, type, 0)));
	}
	_cleanup_free_ char *header = xasprintf("Scale of app %s", rq->app.name);
	listing_table(c, rq, header, rows, columns);
	return 0;
}

/* Takes TYPE=N words into FORMATION; a type that the release does not have is refused. */
static int take_scale(struct context *c, const struct app *app, const struct strvec *words,
		      struct strvec *formation, struct error *err)
{
	_cleanup_image_ struct image im;
	_cleanup_release_ struct release r;
	struct error none = ERROR_INIT;
	image_init(&im);
	release_init(&r);
	bool built = release_load(c, app, 0, &r, &none) == 0 && r.image;
	if (built && image_load(c->inst, r.image, &im, err) < 0)
		return -1;
	for (size_t i = 0; i < words->n; i++) {
		const char *equals = strchr(words->v[i], '=');
		unsigned long long quantity;
		if (!equals || str_to_u64(equals + 1, 0, 100, &quantity) < 0)
			return error_set(err, ERROR_USAGE, 0,
					 "expected TYPE=N with N from 0 to 100, not '%.80s'",
					 words->v[i]);
		_cleanup_free_ char *type = xstrndup(words->v[i], (size_t)(equals - words->v[i]));
		if (name_check_type(type, err) < 0)
			return -1;
		if (strcmp(type, "release") == 0)
			return error_set(err, ERROR_INVALID, 0,
					 "'release' runs once per release and is not scaled");
		if (built && !image_command(&im, type) && quantity > 0)
			return error_set(err, ERROR_NOT_FOUND, 0,
					 "app '%s' has no process type '%s' in its Procfile",
					 app->name, type);
		formation_set(formation, type, (unsigned)quantity);
	}
	return 0;
}

static int ps_scale(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strvec_ struct strvec formation = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_close_ int lock = -1;
	if (rq->args.n == 0)
		return show_scale(c, rq, err);
	if (lock_take(c, &rq->app, "scaling", &lock, err) < 0 ||
	    app_find_id(&c->db, rq->app.id, &rq->app, err) < 0 ||
	    formation_load(&c->db, rq->app.id, &formation, err) < 0 ||
	    take_scale(c, &rq->app, &rq->args, &formation, err) < 0)
		return -1;
	strbuf_addstr(&text, "Scale");
	for (size_t i = 0; i < rq->args.n; i++)
		strbuf_addf(&text, " %s", rq->args.v[i]);
	answer_step(c, "Scaling %s", rq->app.name);
	struct deploy_change change = {
		.formation = &formation, .description = text.data, .keep_running = true};
	if (deploy_change(c, &rq->app, &change, err) < 0)
		return -1;
	for (size_t i = 0; i < formation.n; i++)
		answer_detail(c, "%s", formation.v[i]);
	return 0;
}

/* An app may have releases of config alone. */
static int check_code(struct context *c, const struct app *app, struct error *err)
{
	_cleanup_release_ struct release r;
	release_init(&r);
	if (release_load(c, app, 0, &r, err) < 0)
		return -1;
	if (!r.image)
		return error_set(err, ERROR_NOT_FOUND, 0, "app '%s' has no code yet: push to it",
				 app->name);
	return 0;
}

static int restart(struct context *c, struct app *app, struct error *err)
{
	_cleanup_close_ int lock = -1;
	if (lock_take(c, app, "restart", &lock, err) < 0 ||
	    app_find_id(&c->db, app->id, app, err) < 0)
		return -1;
	if (check_code(c, app, err) < 0 || app_set_stopped(&c->db, app, false, err) < 0 ||
	    app_next_epoch(&c->db, app, err) < 0)
		return -1;
	answer_step(c, "Restarting app %s", app->name);
	return rollout_reconcile(c, app, true, err);
}

static int start(struct context *c, struct app *app, struct error *err)
{
	_cleanup_close_ int lock = -1;
	if (lock_take(c, app, "start", &lock, err) < 0 ||
	    app_find_id(&c->db, app->id, app, err) < 0 || check_code(c, app, err) < 0 ||
	    app_set_stopped(&c->db, app, false, err) < 0)
		return -1;
	answer_step(c, "Starting app %s", app->name);
	return rollout_reconcile(c, app, true, err);
}

static int stop(struct context *c, struct app *app, struct error *err)
{
	_cleanup_close_ int lock = -1;
	if (lock_take(c, app, "stop", &lock, err) < 0 ||
	    app_find_id(&c->db, app->id, app, err) < 0 ||
	    app_set_stopped(&c->db, app, true, err) < 0)
		return -1;
	answer_step(c, "Stopping app %s", app->name);
	/* the route goes to the 503 page before anything stops */
	if (rollout_route(c, app, err) < 0)
		return -1;
	return rollout_stop_processes(c, app, err);
}

/* Does ONE to the app, or with --all to each that has code. */
static int each(struct context *c, struct request *rq,
		int (*one)(struct context *, struct app *, struct error *), struct error *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	if (!rq->all)
		return one(c, &rq->app, err);
	if (app_names(&c->db, &names, err) < 0)
		return -1;
	int result = 0;
	for (size_t i = 0; i < names.n; i++) {
		struct app app;
		struct error why = ERROR_INIT;
		if (app_find(&c->db, names.v[i], &app, &why) < 0 || check_code(c, &app, &why) < 0)
			continue;
		if (one(c, &app, &why) < 0) {
			answer_warning("%s: %s", names.v[i], why.message);
			result = error_set(err, ERROR_FAILED, 0, "not every app could follow");
		}
	}
	return result;
}

static int ps_restart(struct context *c, struct request *rq, struct error *err)
{
	return each(c, rq, restart, err);
}

static int ps_start(struct context *c, struct request *rq, struct error *err)
{
	return each(c, rq, start, err);
}

static int ps_stop(struct context *c, struct request *rq, struct error *err)
{
	return each(c, rq, stop, err);
}

static int ps_rebuild(struct context *c, struct request *rq, struct error *err)
{
	return each(c, rq, deploy_rebuild, err);
}

static int restore(struct context *c, struct app *app, struct error *err)
{
	_cleanup_close_ int lock = -1;
	if (lock_take(c, app, "restore", &lock, err) < 0 ||
	    app_find_id(&c->db, app->id, app, err) < 0)
		return -1;
	return rollout_reconcile(c, app, false, err);
}

static int ps_restore(struct context *c, struct request *rq, struct error *err)
{
	return each(c, rq, restore, err);
}

static int ps_set(struct context *c, struct request *rq, struct error *err)
{
	const char *key = rq->args.v[0], *value = rq->args.n > 1 ? rq->args.v[1] : NULL;
	unsigned long long number;
	if (strcmp(key, "restart-policy") != 0 && strcmp(key, "stop-timeout-seconds") != 0 &&
	    strcmp(key, "restart-unhealthy") != 0)
		return error_set(err, ERROR_USAGE, 0,
				 "no property '%.80s': there are restart-policy, "
				 "restart-unhealthy and stop-timeout-seconds",
				 key);
	if (value && strcmp(key, "restart-unhealthy") == 0 && strcmp(value, "true") != 0 &&
	    strcmp(value, "false") != 0)
		return error_set(err, ERROR_INVALID, 0,
				 "restart-unhealthy is true or false, not '%.80s'", value);
	if (value && strcmp(key, "stop-timeout-seconds") == 0 &&
	    str_to_u64(value, 0, 3600, &number) < 0)
		return error_set(err, ERROR_INVALID, 0,
				 "stop-timeout-seconds is a number from 0 to 3600, not '%.80s'",
				 value);
	if (value && strcmp(key, "restart-policy") == 0 && strcmp(value, "always") != 0 &&
	    strcmp(value, "unless-stopped") != 0 && strcmp(value, "no") != 0 &&
	    (!str_starts(value, "on-failure:") || str_to_u64(value + 11, 1, 1000000, &number) < 0))
		return error_set(err, ERROR_INVALID, 0,
				 "restart-policy is on-failure:N, always, unless-stopped or no, "
				 "not '%.80s'",
				 value);
	if (setting_set(&c->db, rq->app.id, key, value, err) < 0)
		return -1;
	answer_property(c, rq->app.name, key, value);
	nextstart_tell(c, &rq->app);
	return 0;
}

static const struct option_spec format_only[] = {OPTION_FORMAT, {0}};
#define ALL (COMMAND_APP | COMMAND_ALL)

const struct command ps_commands[] = {
	{"ps", "APP", "Show an app's processes and what they use", COMMAND_APP | COMMAND_API, 0, 0,
	 format_only, ps_report},
	{"ps:report", "APP", "The same as ps", COMMAND_APP | COMMAND_API, 0, 0, format_only,
	 ps_report},
	{"ps:scale", "APP [TYPE=N...]", "Show or set how many of each type run", COMMAND_APP, 0, -1,
	 format_only, ps_scale},
	{"ps:restart", "APP|--all", "Replace all processes by new ones, losing no request", ALL, 0,
	 0, NULL, ps_restart},
	{"ps:stop", "APP|--all", "Stop all processes until ps:start", ALL, 0, 0, NULL, ps_stop},
	{"ps:start", "APP|--all", "Start what ps:stop stopped or what gave up", ALL, 0, 0, NULL,
	 ps_start},
	{"ps:rebuild", "APP|--all", "Build and release the current source again", ALL, 0, 0, NULL,
	 ps_rebuild},
	{"ps:restore", "APP|--all", "Start what should run and does not", ALL, 0, 0, NULL,
	 ps_restore},
	{"ps:set", "APP|--global KEY [VALUE]",
	 "Set restart-policy, restart-unhealthy or stop-timeout-seconds",
	 COMMAND_APP | COMMAND_GLOBAL, 1, 2, NULL, ps_set},
	{0},
};
