/* SPDX-License-Identifier: MIT */
/*
 * Start-up checks: whether newly started processes may take over. Those of app.json
 * (healthchecks.TYPE, type startup) are run; without any, a `web` process must accept connections
 * on its port within 60 s, and then pass the HEALTHCHECK of its container image when that has one,
 * and any other must live for a moment. A process that crashed fails at
 * once.
 */
#ifndef CONTROL_CHECK_H
#define CONTROL_CHECK_H

#include "control/process.h"

/* Checks all of PROCS, which were just started from release R. The error says which process failed
 * and why; what it printed last was shown through c->out. */
int check_started(struct context *c, const struct app *app, const struct release *r,
		  struct process *procs, size_t n, struct error *err);

#endif
