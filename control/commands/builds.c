/* SPDX-License-Identifier: MIT */
/* builds:...: what was built, what is being built, and what builds may use. */
#include "control/commands/tables.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "control/answer.h"
#include "control/build.h"
#include "control/buildset.h"
#include "control/listing.h"

static json_t *text_or_null(const char *s)
{
	return *s ? listing_text(s) : json_null();
}

static json_t *describe(const struct build_row *row)
{
	json_t *out = json_object();
	json_object_set_new(out, "id", json_integer(row->id));
	json_object_set_new(out, "app", json_string(row->app_name));
	json_object_set_new(out, "kind", json_string(row->kind));
	json_object_set_new(out, "status", json_string(row->status));
	json_object_set_new(out, "position",
			    row->position ? json_integer(row->position) : json_null());
	json_object_set_new(out, "user", listing_text(row->user));
	json_object_set_new(out, "commit", text_or_null(row->commit));
	json_object_set_new(out, "release",
			    row->release ? json_sprintf("v%lld", (long long)row->release)
					 : json_null());
	json_object_set_new(out, "image", text_or_null(row->image));
	json_object_set_new(out, "reason", text_or_null(row->reason));
	json_object_set_new(out, "exit_code",
			    row->finished_at ? json_integer(row->exit_code) : json_null());
	json_object_set_new(out, "timings", text_or_null(row->timings));
	json_object_set_new(out, "created_at", listing_time(row->created_at));
	json_object_set_new(out, "started_at", listing_time(row->started_at));
	json_object_set_new(out, "finished_at", listing_time(row->finished_at));
	return out;
}

static int check_word(const char *value, const char *const *words, const char *what,
		      struct error *err)
{
	_cleanup_strbuf_ struct strbuf all = STRBUF_INIT;
	for (size_t i = 0; value && words[i]; i++) {
		if (strcmp(words[i], value) == 0)
			return 0;
		strbuf_addf(&all, "%s%s", i ? ", " : "", words[i]);
	}
	return value ? error_set(err, ERROR_USAGE, 0, "'%.40s' is no %s of a build: one of %s",
				 value, what, all.data)
		     : 0;
}

static int builds_list(struct context *c, struct request *rq, struct error *err)
{
	static const char *const columns[] = {"id",     "app",  "status",  "position",   "kind",
					      "commit", "user", "release", "created_at", NULL};
	static const char *const statuses[] = {"queued", "building",  "deploying", "succeeded",
					       "failed", "cancelled", NULL};
	const char *status = request_value(rq, "--status"), *kind = request_value(rq, "--kind");
	struct build_row *rows = NULL;
	struct app app = {0};
	size_t n = 0;
	if (check_word(status, statuses, "status", err) < 0 ||
	    check_word(kind, build_kinds, "kind", err) < 0 ||
	    (rq->args.n && app_find(&c->db, rq->args.v[0], &app, err) < 0) ||
	    build_reap(c, err) < 0 || build_list(c, app.id, status, kind, &rows, &n, err) < 0)
		return -1;
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++) {
		json_t *row = describe(&rows[i]);
		/* in full with --format json */
		if (!request_json(rq) && *rows[i].commit)
			json_object_set_new(row, "commit", json_sprintf("%.8s", rows[i].commit));
		json_array_append_new(list, row);
		build_row_release(&rows[i]);
	}
	free(rows);
	listing_table(c, rq, app.id ? "Builds of the app" : "Builds", list, columns);
	return 0;
}

/* The build that the arguments name: an id, "current" or nothing for the newest. */
static int find(struct context *c, struct request *rq, struct build_row *out, struct error *err)
{
	const char *word = rq->args.n ? rq->args.v[0] : "current";
	unsigned long long id = 0;
	if (strcmp(word, "current") != 0 && str_to_u64(word, 1, INT64_MAX, &id) < 0)
		return error_set(err, ERROR_USAGE, 0,
				 "expected the number of a build or 'current', not '%.40s'", word);
	if (build_reap(c, err) < 0)
		return -1;
	return build_find(c, &rq->app, (int64_t)id, out, err);
}

static int builds_info(struct context *c, struct request *rq, struct error *err)
{
	struct build_row row = {0};
	if (find(c, rq, &row, err) < 0)
		return -1;
	_cleanup_free_ char *header =
		xasprintf("Build %lld of %s", (long long)row.id, row.app_name);
	listing_report(c, rq, header, describe(&row));
	build_row_release(&row);
	return 0;
}

static int builds_output(struct context *c, struct request *rq, struct error *err)
{
	struct build_row row = {0};
	if (find(c, rq, &row, err) < 0)
		return -1;
	int result = build_output(c, &row, !request_has(rq, "--no-follow"), err);
	build_row_release(&row);
	return result;
}

static int builds_cancel(struct context *c, struct request *rq, struct error *err)
{
	struct build_row row = {0};
	if (find(c, rq, &row, err) < 0)
		return -1;
	int64_t id = row.id;
	int result = build_is_finished(&row)
			     ? error_set(err, ERROR_INVALID, 0, "build %lld has ended: it %s",
					 (long long)id,
					 strcmp(row.status, "cancelled") == 0 ? "was cancelled"
									      : row.status)
			     : build_cancel(c, &row, err);
	build_row_release(&row);
	if (result == 0)
		answer_step(c, "Cancelled build %lld of %s", (long long)id, rq->app.name);
	return result;
}

static int builds_prune(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	if (!rq->all)
		return build_prune(c, rq->app.id, err);
	if (app_names(&c->db, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		struct app app;
		if (app_find(&c->db, names.v[i], &app, err) < 0 || build_prune(c, app.id, err) < 0)
			return -1;
	}
	return 0;
}

/* Each setting three times: the app's own, the instance's, and what holds. */
static int builds_report(struct context *c, struct request *rq, struct error *err)
{
	json_t *out = json_object();
	for (const struct buildset_row *row = buildset_rows; row->key; row++) {
		_cleanup_free_ char *setting = xasprintf("build-%s", row->key);
		_cleanup_free_ char *own = NULL, *global = NULL, *computed = NULL;
		_cleanup_free_ char *global_key = xasprintf("global-%s", row->key);
		_cleanup_free_ char *computed_key = xasprintf("computed-%s", row->key);
		if (setting_own(&c->db, rq->app.id, setting, &own, err) < 0 ||
		    setting_own(&c->db, 0, setting, &global, err) < 0 ||
		    buildset_text(c, rq->app.id, row->key, &computed, err) < 0) {
			json_decref(out);
			return -1;
		}
		if (rq->app.id)
			json_object_set_new(out, row->key, listing_text(own ? own : ""));
		json_object_set_new(out, global_key, listing_text(global ? global : ""));
		json_object_set_new(out, computed_key, listing_text(computed));
	}
	_cleanup_free_ char *header =
		xasprintf("%s builds information", rq->app.id ? rq->app.name : "Global");
	listing_report(c, rq, header, out);
	return 0;
}

static int builds_set(struct context *c, struct request *rq, struct error *err)
{
	const char *key = rq->args.v[0], *value = rq->args.n > 1 ? rq->args.v[1] : NULL;
	if (buildset_set(c, rq->app.id, key, value, err) < 0)
		return -1;
	answer_property(c, rq->app.name, key, value);
	return 0;
}

/* builds:reap: asked when a session died. */
static int builds_reap(struct context *c, struct request *rq, struct error *err)
{
	(void)rq;
	return build_reap(c, err);
}

static const struct option_spec format_only[] = {OPTION_FORMAT, {0}};
static const struct option_spec output_options[] = {
	{"--no-follow", NULL, NULL, "print what there is so far, and end"}, {0}};
static const struct option_spec list_options[] = {
	{"--status", NULL, "STATUS",
	 "only those: queued, building, deploying, succeeded, failed, "
	 "cancelled"},
	{"--kind", NULL, "KIND", "only those: push, up, sync, archive, rebuild"},
	OPTION_FORMAT,
	{0}};

const struct command builds_commands[] = {
	{"builds:list", "[APP]", "List builds, the newest first", COMMAND_API, 0, 1, list_options,
	 builds_list},
	{"builds:info", "APP [ID|current]", "Show a build: who, what, how long, how it ended",
	 COMMAND_APP | COMMAND_API, 0, 1, format_only, builds_info},
	{"builds:output", "APP [ID|current]", "Print a build's output; follow one under way",
	 COMMAND_APP | COMMAND_API, 0, 1, output_options, builds_output},
	{"builds:cancel", "APP [ID|current]", "End a build under way", COMMAND_APP, 0, 1, NULL,
	 builds_cancel},
	{"builds:prune", "APP|--all", "Forget all but the newest builds", COMMAND_APP | COMMAND_ALL,
	 0, 0, NULL, builds_prune},
	{"builds:report", "APP|--global", "Show the settings of builds",
	 COMMAND_APP | COMMAND_GLOBAL | COMMAND_API, 0, 0, format_only, builds_report},
	{"builds:set", "APP|--global KEY [VALUE]", "Set retention, memory, cpu, disk, time or pids",
	 COMMAND_APP | COMMAND_GLOBAL, 1, 2, NULL, builds_set},
	{"builds:reap", "", "Note the ends of builds that died", COMMAND_HIDDEN, 0, 0, NULL,
	 builds_reap},
	{0},
};
