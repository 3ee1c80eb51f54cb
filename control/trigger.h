/* SPDX-License-Identifier: MIT */
/*
 * Plugin triggers as the pipeline calls them: the app's name is the first argument, and a small
 * JSON document about the app goes to stdin (berth-plugins(7)).
 */
#ifndef CONTROL_TRIGGER_H
#define CONTROL_TRIGGER_H

#include "control/app.h"
#include "control/context.h"

/* Runs trigger NAME of every plugin for APP, with EXTRA (may be NULL) as a second argument. A
 * pre-* trigger that fails is an error; any other is reported and the step goes on. */
int trigger_run(struct context *c, const struct app *app, const char *name, const char *extra,
		struct error *err);

#endif
