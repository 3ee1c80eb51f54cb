/* SPDX-License-Identifier: MIT */
/*
 * An app as a whole, across the rooms: its row, repository, route, containers, logs and caches.
 * Making one is all or nothing; destroying one can be repeated until nothing is left.
 */
#ifndef CONTROL_TENANT_H
#define CONTROL_TENANT_H

#include <stdbool.h>

#include "control/app.h"
#include "control/context.h"

int tenant_create(struct context *c, const char *name, struct app *out, struct error *err);
/* Whether an app that is named for the first time is made (setting disable-autocreation). */
bool tenant_autocreates(struct context *c);
/* The app NAME, made when it is not there and may be, with its repository; not one that is locked.
 */
int tenant_open(struct context *c, const char *name, struct app *out, struct error *err);
/* Makes the repository of an app whose creation was cut short before it had one. */
int tenant_mend(struct context *c, const struct app *app, struct error *err);
int tenant_destroy(struct context *c, const struct app *app, struct error *err);
int tenant_rename(struct context *c, const struct app *app, const char *name, struct error *err);

#endif
