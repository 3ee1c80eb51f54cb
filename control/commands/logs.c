/* SPDX-License-Identifier: MIT */
/* logs: what an app printed, what the router served, what Berth did. */
#include "control/commands/tables.h"

#include "base/cleanup.h"
#include "control/logview.h"

static int logs(struct context *c, struct request *rq, struct error *err)
{
	unsigned long long lines = 100;
	const char *num = request_value(rq, "--num");
	if (num && str_to_u64(num, 0, 1000000, &lines) < 0)
		return error_set(err, ERROR_USAGE, 0, "--num is a number, not '%.40s'", num);
	struct logview view = {
		.lines = (size_t)lines,
		.follow = request_has(rq, "--tail"),
		.process = request_value(rq, "--ps"),
	};
	return logview_run(c, &rq->app, &view, err);
}

static const struct option_spec options[] = {
	{"--tail", "-t", NULL, "go on as lines come, until Ctrl-C"},
	{"--num", "-n", "N", "how many past lines (100)"},
	{"--ps", "-p", "PROCESS", "only of web, web.1, router or api"},
	{"--quiet", "-q", NULL, "accepted for compatibility"},
	{0},
};

const struct command logs_commands[] = {
	{"logs", "APP", "Show an app's log", COMMAND_APP, 0, 0, options, logs},
	{0},
};
