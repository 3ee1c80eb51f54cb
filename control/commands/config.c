/* SPDX-License-Identifier: MIT */
/* config...: the environment of an app, or with --global of all. */
#include "control/commands/tables.h"

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "control/answer.h"
#include "control/config.h"
#include "control/deploy.h"
#include "control/envfile.h"
#include "control/listing.h"
#include "control/lock.h"
#include "control/rollout.h"
#include "control/trigger.h"

static int load(struct context *c, struct request *rq, struct strvec *out, struct error *err)
{
	return request_has(rq, "--merged") ? config_merged(c, rq->app.id, out, err)
					   : config_list(c, rq->app.id, out, err);
}

static json_t *as_object(const struct strvec *pairs)
{
	json_t *object = json_object();
	for (size_t i = 0; i < pairs->n; i++) {
		const char *equals = strchr(pairs->v[i], '=');
		_cleanup_free_ char *key = xstrndup(pairs->v[i], (size_t)(equals - pairs->v[i]));
		json_object_set_new(object, key, listing_text(equals + 1));
	}
	return object;
}

static int config_show(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strvec_ struct strvec pairs = STRVEC_INIT;
	if (load(c, rq, &pairs, err) < 0)
		return -1;
	if (request_json(rq)) {
		listing_json(c, as_object(&pairs));
		return 0;
	}
	size_t width = 0;
	for (size_t i = 0; i < pairs.n; i++) {
		size_t len = strcspn(pairs.v[i], "=");
		width = len > width ? len : width;
	}
	answer_header(c, "%s env vars", rq->app.id ? rq->app.name : "global");
	for (size_t i = 0; i < pairs.n; i++) {
		int len = (int)strcspn(pairs.v[i], "=");
		answer_line(c, "%.*s:%*s%s", len, pairs.v[i], (int)width - len + 2, "",
			    pairs.v[i] + len + 1);
	}
	return 0;
}

static int config_get(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strvec_ struct strvec pairs = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf quoted = STRBUF_INIT;
	if (load(c, rq, &pairs, err) < 0)
		return -1;
	const char *value = strvec_getenv(&pairs, rq->args.v[0]);
	if (!value) {
		/* as Dokku and Heroku: silent, but not a success */
		c->exit_status = 1;
		return 0;
	}
	if (request_has(rq, "--quoted")) {
		envfile_quote(&quoted, value);
		value = quoted.data;
	}
	answer_line(c, "%s", value);
	return 0;
}

static int config_keys(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strvec_ struct strvec pairs = STRVEC_INIT;
	if (load(c, rq, &pairs, err) < 0)
		return -1;
	for (size_t i = 0; i < pairs.n; i++)
		answer_line(c, "%.*s", (int)strcspn(pairs.v[i], "="), pairs.v[i]);
	return 0;
}

static int config_export(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strvec_ struct strvec pairs = STRVEC_INIT;
	const char *format = request_value(rq, "--format");
	if (!format)
		format = "exports";
	if (load(c, rq, &pairs, err) < 0)
		return -1;
	if (strcmp(format, "json") == 0) {
		listing_json(c, as_object(&pairs));
		return 0;
	}
	if (strcmp(format, "exports") != 0 && strcmp(format, "envfile") != 0 &&
	    strcmp(format, "shell") != 0)
		return error_set(err, ERROR_USAGE, 0,
				 "--format is 'exports', 'envfile', 'shell' or 'json', not '%s'",
				 format);
	for (size_t i = 0; i < pairs.n; i++) {
		_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
		size_t len = strcspn(pairs.v[i], "=");
		if (strcmp(format, "exports") == 0)
			strbuf_addstr(&line, "export ");
		strbuf_add(&line, pairs.v[i], len + 1);
		envfile_quote(&line, pairs.v[i] + len + 1);
		answer_line(c, "%s", line.data);
	}
	return 0;
}

/* A change of config under way. An app's is TRIAL, which the release brings that runs with it, and
 * its lock is held; the instance's is stored at once. */
struct config_change {
	int lock;
	struct config_trial trial;
};

static void config_change_release(struct config_change *change)
{
	close_fd(change->lock);
	config_trial_release(&change->trial);
}
#define _cleanup_change_ _cleanup_(config_change_release)
#define CONFIG_CHANGE_INIT                                                                         \
	{                                                                                          \
		.lock = -1, .trial = CONFIG_TRIAL_INIT                                             \
	}

/* Gives in *out_trial where the change goes, NULL: into the database. */
static int begin(struct context *c, struct request *rq, struct config_change *change,
		 struct config_trial **out_trial, struct error *err)
{
	*out_trial = rq->app.id ? &change->trial : NULL;
	if (!rq->app.id)
		return 0;
	return lock_take(c, &rq->app, "config change", &change->lock, err) < 0
		       ? -1
		       : app_find_id(&c->db, rq->app.id, &rq->app, err);
}

/* Gives a deployed app, whose lock is held, a release with the environment MERGED, which brings OWN
 * when that is not NULL. */
static int apply_to(struct context *c, struct app *app, const struct strvec *merged,
		    const struct strvec *own, const char *description, bool restart,
		    struct error *err)
{
	struct deploy_change change = {
		.config = merged, .own = own, .description = description, .keep_running = !restart};
	if (restart && app->release && !app->stopped)
		answer_step(c, "Restarting app %s", app->name);
	if (deploy_change(c, app, &change, err) < 0)
		return -1;
	answer_step(c, "Released v%lld", (long long)app->release);
	return 0;
}

/* Closes *lock, the app's: what plugins do about the change may need it. */
static int tell(struct context *c, const struct app *app, int *lock, struct error *err)
{
	*lock = close_fd(*lock);
	return trigger_run(c, app, "config-changed", NULL, err);
}

static int apply_global(struct context *c, const char *description, bool restart, struct error *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	if (app_names(&c->db, &names, err) < 0)
		return -1;
	int result = 0;
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_close_ int lock = -1;
		_cleanup_strvec_ struct strvec merged = STRVEC_INIT;
		struct app app;
		struct error why = ERROR_INIT;
		if (app_find(&c->db, names.v[i], &app, &why) < 0 || app.release == 0)
			continue;
		if (lock_take(c, &app, "config change", &lock, &why) < 0 ||
		    app_find_id(&c->db, app.id, &app, &why) < 0 ||
		    config_merged(c, app.id, &merged, &why) < 0 ||
		    apply_to(c, &app, &merged, NULL, description, restart, &why) < 0 ||
		    tell(c, &app, &lock, &why) < 0) {
			answer_warning("%s: %s", names.v[i], why.message);
			result = error_set(err, ERROR_FAILED, 0,
					   "not every app could take the change over");
		}
	}
	return result;
}

static int apply(struct context *c, struct request *rq, struct config_change *change,
		 const char *description, struct error *err)
{
	bool restart = !request_has(rq, "--no-restart");
	int64_t before = rq->app.release;
	if (!rq->app.id)
		return apply_global(c, description, restart, err);
	if (apply_to(c, &rq->app, &change->trial.merged, &change->trial.own, description, restart,
		     err) == 0)
		return tell(c, &rq->app, &change->lock, err);
	/* a release that is current has it, whatever failed after that */
	return rq->app.release != before ? -1 : error_wrap(err, "the config is as it was");
}

static int base64_value(int ch)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = ch ? strchr(digits, ch) : NULL;
	return at ? (int)(at - digits) : -1;
}

static int decode(const char *pair, struct strvec *out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf plain = STRBUF_INIT;
	size_t key = strcspn(pair, "=");
	unsigned bits = 0, have = 0;
	if (!pair[key])
		return error_set(err, ERROR_USAGE, 0, "expected KEY=VALUE, not '%.80s'", pair);
	strbuf_add(&plain, pair, key + 1);
	for (const char *p = pair + key + 1; *p && *p != '='; p++) {
		int value = base64_value(*p);
		if (value < 0)
			return error_set(err, ERROR_INVALID, 0, "'%.*s' is not base64", (int)key,
					 pair);
		bits = bits << 6 | (unsigned)value;
		have += 6;
		if (have >= 8) {
			have -= 8;
			char byte = (char)(bits >> have & 0xff);
			if (!byte)
				return error_set(err, ERROR_INVALID, 0,
						 "the value of '%.*s' has a NUL byte", (int)key,
						 pair);
			strbuf_addch(&plain, byte);
		}
	}
	strvec_push(out, plain.data);
	return 0;
}

static void describe(struct strbuf *out, const char *verb, const struct strvec *pairs)
{
	strbuf_addstr(out, verb);
	for (size_t i = 0; i < pairs->n && i < 8; i++)
		strbuf_addf(out, "%s %.*s", i ? "," : "", (int)strcspn(pairs->v[i], "="),
			    pairs->v[i]);
	if (pairs->n > 8)
		strbuf_addf(out, " and %zu more", pairs->n - 8);
	strbuf_addstr(out, " config vars");
}

static int set_pairs(struct context *c, struct request *rq, const struct strvec *pairs,
		     bool replace, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_change_ struct config_change change = CONFIG_CHANGE_INIT;
	struct config_trial *trial;
	if (begin(c, rq, &change, &trial, err) < 0 ||
	    (replace ? config_replace : config_set)(c, rq->app.id, pairs, trial, err) < 0)
		return -1;
	answer_step(c, "Setting config vars");
	for (size_t i = 0; i < pairs->n; i++)
		answer_detail(c, "%.*s", (int)strcspn(pairs->v[i], "="), pairs->v[i]);
	describe(&text, "Set", pairs);
	return apply(c, rq, &change, text.data, err);
}

static int config_set_command(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strvec_ struct strvec decoded = STRVEC_INIT;
	if (!request_has(rq, "--encoded"))
		return set_pairs(c, rq, &rq->args, false, err);
	for (size_t i = 0; i < rq->args.n; i++)
		if (decode(rq->args.v[i], &decoded, err) < 0)
			return -1;
	return set_pairs(c, rq, &decoded, false, err);
}

static int config_unset_command(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_change_ struct config_change change = CONFIG_CHANGE_INIT;
	struct config_trial *trial;
	int removed = 0;
	if (begin(c, rq, &change, &trial, err) < 0 ||
	    config_unset(c, rq->app.id, &rq->args, &removed, trial, err) < 0)
		return -1;
	if (removed == 0) {
		answer_detail(c, "Nothing to unset");
		return 0;
	}
	describe(&text, "Unset", &rq->args);
	answer_step(c, "%s", text.data);
	return apply(c, rq, &change, text.data, err);
}

static int config_clear(struct context *c, struct request *rq, struct error *err)
{
	struct strvec none = STRVEC_INIT;
	_cleanup_change_ struct config_change change = CONFIG_CHANGE_INIT;
	struct config_trial *trial;
	if (begin(c, rq, &change, &trial, err) < 0 ||
	    config_replace(c, rq->app.id, &none, trial, err) < 0)
		return -1;
	answer_step(c, "Cleared all config vars");
	return apply(c, rq, &change, "Clear config vars", err);
}

static int parse_json(const char *text, struct strvec *out, struct error *err)
{
	json_error_t why;
	const char *key;
	json_t *value, *object = json_loads(text, JSON_REJECT_DUPLICATES, &why);
	if (!json_is_object(object)) {
		json_decref(object);
		return error_set(err, ERROR_INVALID, 0, "expected a JSON object of strings: %s",
				 why.text);
	}
	int result = 0;
	json_object_foreach(object, key, value)
	{
		if (!json_is_string(value)) {
			result = error_set(err, ERROR_INVALID, 0, "'%s' is not a string", key);
			break;
		}
		strvec_pushf(out, "%s=%s", key, json_string_value(value));
	}
	json_decref(object);
	return result;
}

static int config_import(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_strvec_ struct strvec pairs = STRVEC_INIT;
	const char *format = request_value(rq, "--format");
	if (rq->args.n && strcmp(rq->args.v[0], "-") != 0)
		return error_set(err, ERROR_USAGE, 0,
				 "the file comes through stdin: 'config:import %s - < %s'",
				 rq->app.id ? rq->app.name : "--global", rq->args.v[0]);
	strbuf_cap(&text, 4u << 20);
	if (strbuf_read_fd(&text, STDIN_FILENO, err) < 0)
		return -1;
	if (text.overflow || strlen(text.data) != text.len)
		return error_set(err, ERROR_INVALID, 0, "the input %s",
				 text.overflow ? "is larger than 4 MB" : "has a NUL byte");
	bool json = format ? strcmp(format, "json") == 0
			   : text.data[strspn(text.data, " \t\r\n")] == '{';
	if ((json ? parse_json(text.data, &pairs, err) : envfile_parse(text.data, &pairs, err)) < 0)
		return -1;
	if (pairs.n == 0)
		return error_set(err, ERROR_INVALID, 0, "the input has no config vars");
	return set_pairs(c, rq, &pairs, request_has(rq, "--replace"), err);
}

#define MERGED                                                                                     \
	{                                                                                          \
		"--merged", NULL, NULL, "with the global ones below"                               \
	}
#define NO_RESTART                                                                                 \
	{                                                                                          \
		"--no-restart", NULL, NULL, "let running processes go on as they are"              \
	}

static const struct option_spec show_options[] = {MERGED, OPTION_FORMAT, {0}};
static const struct option_spec keys_options[] = {MERGED, {0}};
static const struct option_spec get_options[] = {
	{"--quoted", NULL, NULL, "quoted for a shell"}, MERGED, {0}};
static const struct option_spec export_options[] = {
	MERGED, {"--format", NULL, "exports|envfile|shell|json", "how to print it"}, {0}};
static const struct option_spec set_options[] = {
	NO_RESTART, {"--encoded", NULL, NULL, "the values are base64"}, {0}};
static const struct option_spec unset_options[] = {NO_RESTART, {0}};
static const struct option_spec import_options[] = {
	NO_RESTART,
	{"--replace", NULL, NULL, "remove all others"},
	{"--format", NULL, "envfile|json", "what stdin holds"},
	{0}};

#define ONE (COMMAND_APP | COMMAND_GLOBAL)

const struct command config_commands[] = {
	{"config", "APP|--global", "Show config vars", ONE, 0, 0, show_options, config_show},
	{"config:show", "APP|--global", "Show config vars", ONE, 0, 0, show_options, config_show},
	{"config:get", "APP|--global KEY", "Print one value", ONE, 1, 1, get_options, config_get},
	{"config:set", "APP|--global KEY=VALUE...", "Set config vars and restart", ONE, 1, -1,
	 set_options, config_set_command},
	{"config:unset", "APP|--global KEY...", "Remove config vars and restart", ONE, 1, -1,
	 unset_options, config_unset_command},
	{"config:keys", "APP|--global", "List the keys", ONE, 0, 0, keys_options, config_keys},
	{"config:export", "APP|--global", "Print for a shell, an env file or as JSON", ONE, 0, 0,
	 export_options, config_export},
	{"config:import", "APP|--global [-]", "Set from an env file or JSON on stdin", ONE, 0, 1,
	 import_options, config_import},
	{"config:clear", "APP|--global", "Remove all config vars and restart", ONE, 0, 0,
	 unset_options, config_clear},
	{0},
};
