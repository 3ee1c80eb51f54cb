/* SPDX-License-Identifier: MIT */
/*
 * A command of the app's own as a step of its deploy: the release command, the scripts of app.json.
 * It runs in a container of the new release, for at most STEP_TIMEOUT_S.
 */
#ifndef CONTROL_STEP_H
#define CONTROL_STEP_H

#include "control/process.h"

#define STEP_TIMEOUT_S 3600

struct step {
	const char *what;    /* "release command": for people */
	const char *name;    /* its DYNO */
	const char *command; /* a shell's */
};

/* Says what runs, and shows what it prints. Unless it ends with 0 the error names the command, its
 * last words and, for a common cause, what to do (buildpacks/hint.h). */
int step_run(struct context *c, const struct app *app, const struct release *r,
	     const struct image *im, const struct step *step, struct error *err);

#endif
