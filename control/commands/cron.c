/* SPDX-License-Identifier: MIT */
/* cron:...: the tasks of an app's app.json. */
#include "control/commands/tables.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "control/answer.h"
#include "control/cron.h"
#include "control/detached.h"
#include "control/listing.h"

static bool runs(const struct detached *all, size_t n, const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (str_equal(str_skip(all[i].name, "cron."), id) &&
		    all[i].status.state == CONTAINER_RUNNING)
			return true;
	return false;
}

static int cron_list(struct context *c, struct request *rq, struct error *err)
{
	static const char *const columns[] = {"id",       "schedule",    "state",   "next_run",
					      "last_run", "last_result", "command", NULL};
	_cleanup_cron_ struct cron_list l = {0};
	_cleanup_free_ struct detached *all = NULL;
	size_t n = 0;
	if (cron_load(c, &rq->app, &l, err) < 0 ||
	    detached_list(c->inst, rq->app.id, &all, &n, err) < 0)
		return -1;
	json_t *rows = json_array();
	for (size_t i = 0; i < l.n; i++) {
		const struct cron_task *t = &l.v[i];
		json_t *row = json_object();
		json_object_set_new(row, "id", json_string(t->id));
		json_object_set_new(row, "schedule", listing_text(t->schedule));
		json_object_set_new(row, "state",
				    json_string(runs(all, n, t->id) ? "running"
						: t->suspended      ? "suspended"
								    : "waiting"));
		json_object_set_new(row, "next_run",
				    t->suspended || rq->app.stopped
					    ? json_null()
					    : listing_time(cron_next(&l, t, time(NULL)) * 1000000));
		json_object_set_new(row, "last_run", listing_time(t->started_at * 1000000));
		json_object_set_new(row, "last_result", json_string(t->result));
		json_object_set_new(row, "concurrency", json_string(t->concurrency));
		json_object_set_new(row, "command", listing_text(t->command));
		json_array_append_new(rows, row);
	}
	_cleanup_free_ char *header = xasprintf("Tasks of app %s", rq->app.name);
	listing_table(c, rq, header, rows, columns);
	return 0;
}

static int cron_run(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_cron_ struct cron_list l = {0};
	_cleanup_release_ struct release r;
	_cleanup_image_ struct image im;
	const struct cron_task *t = NULL;
	const char *text = request_value(rq, "--ttl-seconds");
	unsigned long long ttl = DETACHED_TTL_S;
	char name[DETACHED_NAME_MAX + 1];
	int status = 0;
	release_init(&r);
	image_init(&im);
	if (text && str_to_u64(text, 1, 1000000, &ttl) < 0)
		return error_set(err, ERROR_USAGE, 0,
				 "--ttl-seconds is a number from 1 to 1000000, not '%.40s'", text);
	if (cron_load(c, &rq->app, &l, err) < 0 ||
	    cron_find(&rq->app, &l, rq->args.v[0], &t, err) < 0)
		return -1;
	if (request_has(rq, "--detach")) {
		if (cron_start(c, &rq->app, t, (unsigned)ttl, name, err) < 0)
			return -1;
		answer_line(c, "%s", name);
		return 0;
	}
	if (release_load_image(c, &rq->app, &r, &im, err) < 0)
		return -1;
	snprintf(name, sizeof(name), "cron.%s", t->id);
	const char *type = image_command(&im, t->command);
	struct oneoff one = {
		.command = type ? type : t->command,
		.name = name,
		.stdio = {-1, STDOUT_FILENO, STDERR_FILENO},
		.forward = true,
		.time_s = (unsigned)ttl,
	};
	if (oneoff_run(c, &rq->app, &r, &im, &one, &status, err) < 0)
		return -1;
	c->exit_status = status;
	return 0;
}

static int set_suspended(struct context *c, struct request *rq, bool on, struct error *err)
{
	_cleanup_cron_ struct cron_list l = {0};
	const struct cron_task *t = NULL;
	if (cron_load(c, &rq->app, &l, err) < 0 ||
	    cron_find(&rq->app, &l, rq->args.v[0], &t, err) < 0 ||
	    cron_suspend(c, &rq->app, t, on, time(NULL), err) < 0)
		return -1;
	answer_step(c, "%s task %s", on ? "Suspended" : "Resumed", t->id);
	return 0;
}

static int cron_suspended(struct context *c, struct request *rq, struct error *err)
{
	return set_suspended(c, rq, true, err);
}

static int cron_resumed(struct context *c, struct request *rq, struct error *err)
{
	return set_suspended(c, rq, false, err);
}

static int cron_set(struct context *c, struct request *rq, struct error *err)
{
	const char *key = rq->args.v[0], *value = rq->args.n > 1 ? rq->args.v[1] : NULL;
	if (strcmp(key, "timezone") != 0)
		return error_set(err, ERROR_USAGE, 0, "no property '%.80s': there is timezone",
				 key);
	if ((value && schedule_check_zone(value, err) < 0) ||
	    setting_set(&c->db, rq->app.id, CRON_ZONE_KEY, value, err) < 0)
		return -1;
	answer_property(c, rq->app.name, key, value);
	return 0;
}

static int cron_report(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_cron_ struct cron_list l = {0};
	_cleanup_free_ char *own = NULL, *global = NULL;
	if (cron_load(c, &rq->app, &l, err) < 0 ||
	    setting_own(&c->db, rq->app.id, CRON_ZONE_KEY, &own, err) < 0 ||
	    setting_own(&c->db, 0, CRON_ZONE_KEY, &global, err) < 0)
		return -1;
	json_t *report = json_object();
	json_object_set_new(report, "computed-timezone", json_string(l.zone ? l.zone : "UTC"));
	json_object_set_new(report, "global-timezone", json_string(global ? global : ""));
	json_object_set_new(report, "task-count", json_sprintf("%zu", l.n));
	json_object_set_new(report, "timezone", json_string(own ? own : ""));
	listing_properties(c, rq, rq->app.name, "cron", report);
	return 0;
}

/* For tests, which bring the time along. */
static int cron_at(struct context *c, struct request *rq, struct error *err)
{
	unsigned long long now;
	if (str_to_u64(rq->args.v[0], 1, 1ull << 40, &now) < 0)
		return error_set(err, ERROR_USAGE, 0, "expected unix seconds");
	return cron_tick(c, (int64_t)now, err);
}

static const struct option_spec format_only[] = {OPTION_FORMAT, {0}};
static const struct option_spec run_options[] = {
	{"--detach", NULL, NULL, "on its own, as at its time: print its name and come back"},
	{"--ttl-seconds", NULL, "SECONDS", "kill it after that long (86400)"},
	{0},
};
static const struct option_spec report_options[] = {
	OPTION_FORMAT,
	{"--timezone", NULL, NULL, "only this: as set on the app"},
	{"--global-timezone", NULL, NULL, "only this: as set with --global"},
	{"--computed-timezone", NULL, NULL, "only this: the one that counts"},
	{"--task-count", NULL, NULL, "only this: how many tasks there are"},
	{0},
};

const struct command cron_commands[] = {
	{"cron:list", "APP", "List an app's tasks, when they run next and how the last run ended",
	 COMMAND_APP | COMMAND_API, 0, 0, format_only, cron_list},
	{"cron:run", "APP TASK", "Run a task now", COMMAND_APP, 1, 1, run_options, cron_run},
	{"cron:suspend", "APP TASK", "Leave a task's times out until cron:resume", COMMAND_APP, 1,
	 1, NULL, cron_suspended},
	{"cron:resume", "APP TASK", "Run a suspended task at its times again", COMMAND_APP, 1, 1,
	 NULL, cron_resumed},
	{"cron:set", "APP|--global KEY [VALUE]", "Set timezone, in which schedules are meant",
	 COMMAND_APP | COMMAND_GLOBAL, 1, 2, NULL, cron_set},
	{"cron:report", "APP", "Show the settings of an app's tasks", COMMAND_APP | COMMAND_API, 0,
	 0, report_options, cron_report},
	{"cron:tick", "SECONDS", "Run what is due at a time", COMMAND_HIDDEN, 1, 1, NULL, cron_at},
	{0},
};
