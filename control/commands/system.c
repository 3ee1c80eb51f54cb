/* SPDX-License-Identifier: MIT */
/* help, version, doctor, cleanup, metrics: the instance as a whole. */
#include "control/commands/tables.h"

#include <string.h>

#include "base/cleanup.h"
#include "control/answer.h"
#include "control/collect.h"
#include "control/doctor.h"
#include "control/listing.h"
#include "control/metrics.h"

static int help(struct context *c, struct request *rq, struct error *err)
{
	return command_help(c, rq->args.n ? rq->args.v[0] : NULL, err);
}

static int version(struct context *c, struct request *rq, struct error *err)
{
	(void)rq;
	(void)err;
	answer_line(c, "berth %s", BERTH_VERSION);
	return 0;
}

static int doctor(struct context *c, struct request *rq, struct error *err)
{
	static const char *const columns[] = {"result", "check", "detail", NULL};
	json_t *rows = json_array();
	size_t wrong = doctor_run(c, rows);
	listing_table(c, rq, "Doctor", rows, columns);
	if (wrong)
		return error_set(err, ERROR_FAILED, 0, "%zu thing%s wrong", wrong,
				 wrong == 1 ? " is" : "s are");
	return 0;
}

static int cleanup(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strvec_ struct strvec found = STRVEC_INIT;
	bool dry = request_has(rq, "--dry-run");
	if (collect_leftovers(c, dry, &found, err) < 0)
		return -1;
	for (size_t i = 0; i < found.n; i++)
		answer_step(c, "%s %s", dry ? "Would remove" : "Removed", found.v[i]);
	if (found.n == 0)
		answer_step(c, "Nothing to clean up");
	return 0;
}

/* collect: a deploy asks for it when it is done. */
static int collect(struct context *c, struct request *rq, struct error *err)
{
	(void)rq;
	return collect_run(c, err);
}

static int metrics(struct context *c, struct request *rq, struct error *err)
{
	(void)rq;
	json_t *document = NULL;
	if (metrics_collect(c, &document, err) < 0)
		return -1;
	listing_json(c, document);
	return 0;
}

/* One name per line: what a shell's completion reads. */
static int completion(struct context *c, struct request *rq, struct error *err)
{
	(void)rq;
	(void)err;
	for (size_t t = 0; command_tables[t]; t++)
		for (const struct command *row = command_tables[t]; row->name; row++)
			if (!(row->flags & COMMAND_HIDDEN))
				answer_line(c, "%s", row->name);
	return 0;
}

static const struct option_spec format_only[] = {OPTION_FORMAT, {0}};
static const struct option_spec cleanup_options[] = {
	{"--dry-run", "-n", NULL, "only say what would be removed"}, {0}};
static const struct option_spec metrics_options[] = {
	{"--format", NULL, "json", "JSON is the only format"}, {0}};

const struct command system_commands[] = {
	{"help", "[COMMAND]", "Show all commands, a group, or one command", COMMAND_API, 0, 1, NULL,
	 help},
	{"version", "", "Show the version", COMMAND_API, 0, 0, NULL, version},
	{"doctor", "", "Look for what is wrong on this instance", 0, 0, 0, format_only, doctor},
	{"cleanup", "", "Remove what dead containers left behind", 0, 0, 0, cleanup_options,
	 cleanup},
	{"collect", "", "Remove what no release needs", COMMAND_HIDDEN, 0, 0, NULL, collect},
	{"metrics", "", "Print what the HTTP API's /metrics is made of", COMMAND_API, 0, 0,
	 metrics_options, metrics},
	{"commands", "", "List the names of all commands", COMMAND_API, 0, 0, NULL, completion},
	{0},
};
