/* SPDX-License-Identifier: MIT */
/* logs: what an app printed, what the router served, what Berth did. */
#include "control/commands/tables.h"

#include "base/cleanup.h"
#include "control/logview.h"

int logview_command(struct context *c, const struct request *rq, const char *process,
		    struct error *err)
{
	unsigned long long lines = 100;
	const char *num = request_value(rq, "--num");
	if (num && str_to_u64(num, 0, 1000000, &lines) < 0)
		return error_set(err, ERROR_USAGE, 0, "--num is a number, not '%.40s'", num);
	struct logview view = {
		.lines = (size_t)lines,
		.follow = request_has(rq, "--tail"),
		.process = process,
	};
	return logview_run(c, &rq->app, &view, err);
}

static int logs(struct context *c, struct request *rq, struct error *err)
{
	return logview_command(c, rq, request_value(rq, "--ps"), err);
}

#define TAIL                                                                                       \
	{                                                                                          \
		"--tail", "-t", NULL, "go on as lines come, until Ctrl-C"                          \
	}
#define NUM                                                                                        \
	{                                                                                          \
		"--num", "-n", "N", "how many past lines (100)"                                    \
	}
#define QUIET                                                                                      \
	{                                                                                          \
		"--quiet", "-q", NULL, "accepted for compatibility"                                \
	}

const struct option_spec logview_options[] = {TAIL, NUM, QUIET, {0}};

static const struct option_spec options[] = {
	TAIL,  NUM, {"--ps", "-p", "PROCESS", "only of web, web.1, run.12ab, router or api"},
	QUIET, {0},
};

const struct command logs_commands[] = {
	{"logs", "APP", "Show an app's log", COMMAND_APP, 0, 0, options, logs},
	{0},
};
