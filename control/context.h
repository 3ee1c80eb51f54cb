/* SPDX-License-Identifier: MIT */
/*
 * What a command runs with: the instance, the state, who asked, and how to answer. One exists per
 * session; commands and the deploy pipeline get it as their first argument.
 */
#ifndef CONTROL_CONTEXT_H
#define CONTROL_CONTEXT_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "control/db.h"
#include "control/secret.h"
#include "instance/instance.h"

enum context_role {
	ROLE_ADMIN = 1, /* root, berth itself, an ssh key, a plugin */
	ROLE_API,       /* berth-web, for a token */
};

struct context {
	const struct instance *inst;
	struct db db;
	struct secret secret;
	enum context_role role;
	const char *identity; /* the key's or token's name, or the local user's */
	const char *line;     /* the command as it came over ssh, where `run` needs it, or NULL */
	const char *default_app; /* for a command that names none, or NULL */
	FILE *out;               /* where steps and results are printed: the caller's stdout, or its
				  * stderr while git listens on stdout */
	bool quiet, force, terminal; /* terminal: `out` is one */
	int exit_status;             /* of a command that hands through another's; 0 otherwise */
};

int context_open(struct context *c, const struct instance *inst, struct error *err);
void context_close(struct context *c);
#define _cleanup_context_ _cleanup_(context_close)

#endif
