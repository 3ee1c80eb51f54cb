/* SPDX-License-Identifier: MIT */
/* builder:...: what of the source is built. */
#include "control/commands/tables.h"

#include <string.h>

#include "base/cleanup.h"
#include "control/answer.h"
#include "control/listing.h"
#include "control/source.h"

static int builder_set(struct context *c, struct request *rq, struct error *err)
{
	const char *key = rq->args.v[0], *value = rq->args.n > 1 ? rq->args.v[1] : NULL;
	_cleanup_free_ char *dir = NULL;
	if (strcmp(key, "build-dir") != 0)
		return error_set(err, ERROR_USAGE, 0, "no property '%.80s': there is build-dir",
				 key);
	if (value) {
		size_t len = strlen(value);
		/* "services/api/", as a shell completes it */
		dir = xstrndup(value, len > 1 && value[len - 1] == '/' ? len - 1 : len);
		if (source_check_dir(dir, err) < 0)
			return -1;
	}
	if (setting_set(&c->db, rq->app.id, key, dir, err) < 0)
		return -1;
	answer_header(c, value ? "Setting %s to %s" : "Unsetting %s", key, dir ? dir : "");
	return 0;
}

static int builder_report(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_free_ char *own = NULL, *global = NULL;
	if (setting_own(&c->db, rq->app.id, "build-dir", &own, err) < 0 ||
	    setting_own(&c->db, 0, "build-dir", &global, err) < 0)
		return -1;
	json_t *report = json_object();
	json_object_set_new(report, "build-dir", json_string(own ? own : ""));
	json_object_set_new(report, "computed-build-dir",
			    json_string(own      ? own
					: global ? global
						 : ""));
	json_object_set_new(report, "global-build-dir", json_string(global ? global : ""));
	listing_properties(c, rq, rq->app.name, "builder", report);
	return 0;
}

static const struct option_spec report_options[] = {
	OPTION_FORMAT,
	{"--build-dir", NULL, NULL, "only this: as set on the app"},
	{"--global-build-dir", NULL, NULL, "only this: as set with --global"},
	{"--computed-build-dir", NULL, NULL, "only this: the folder that is built"},
	{0}};

const struct command builder_commands[] = {
	{"builder:set", "APP|--global KEY [VALUE]", "Set build-dir, the folder that is the app",
	 COMMAND_APP | COMMAND_GLOBAL, 1, 2, NULL, builder_set},
	{"builder:report", "APP", "Show what of the source is built", COMMAND_APP | COMMAND_API, 0,
	 0, report_options, builder_report},
	{0},
};
