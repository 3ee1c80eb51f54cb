/* SPDX-License-Identifier: MIT */
/*
 * Commands: one row each. The row drives the parser, help, completion, who may run it over the HTTP
 * API, and the check that the manual names it. A group of commands ("apps:...") is one file in
 * control/commands/, with a table that ends in a row without a name.
 */
#ifndef CONTROL_COMMAND_H
#define CONTROL_COMMAND_H

#include <stdbool.h>

#include "base/strvec.h"
#include "control/app.h"
#include "control/context.h"

enum command_flags {
	COMMAND_APP = 1 << 0,    /* the first argument is an app, which must exist */
	COMMAND_GLOBAL = 1 << 1, /* with COMMAND_APP: --global may stand in its place */
	COMMAND_ALL = 1 << 2,    /* with COMMAND_APP: --all may stand in its place */
	COMMAND_RAW = 1 << 3,    /* what follows the app (and its options) is not parsed */
	COMMAND_HIDDEN = 1 << 4, /* between Berth's own programs; not in help */
	COMMAND_API = 1 << 5,    /* a token may run it */
};

struct option_spec {
	const char *name;       /* "--tail"; "--resource-*" is any flag that begins so */
	const char *short_name; /* "-t", or NULL */
	const char *value;      /* what the value is called, or NULL for a flag */
	const char *help;
};

/* Every command that lists or reports has this one. */
#define OPTION_FORMAT                                                                              \
	{                                                                                          \
		"--format", NULL, "stdout|json", "print for people or as JSON"                     \
	}

struct request {
	struct app app;      /* id 0 with --global and --all, and for commands without app */
	bool all;            /* --all was given */
	struct strvec args;  /* the arguments after the app, without options */
	struct strvec given; /* "--name=value" for each option, value empty for a flag */
};

struct command {
	const char *name;    /* "apps:create" */
	const char *args;    /* "APP", "APP KEY=VALUE...": for help */
	const char *summary; /* one line, no full stop */
	unsigned flags;
	int min, max;                      /* arguments after the app; max -1: any number */
	const struct option_spec *options; /* ends in a row without a name; may be NULL */
	int (*run)(struct context *c, struct request *rq, struct error *err);
};

/* Runs WORDS ("apps:create", "hello") for c->identity. The error is for the caller to print;
 * c->exit_status is what a command hands through. */
int command_run(struct context *c, const struct strvec *words, struct error *err);

bool request_has(const struct request *rq, const char *option);
/* The value of OPTION, or NULL; owned by RQ. */
const char *request_value(const struct request *rq, const char *option);
bool request_json(const struct request *rq);

/* Every table, in the order of help; ends in NULL. */
extern const struct command *const command_tables[];

/* Prints the help of everything, of a group, or of one command. */
int command_help(struct context *c, const char *topic, struct error *err);

#endif
