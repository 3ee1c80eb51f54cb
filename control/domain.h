/* SPDX-License-Identifier: MIT */
/*
 * Host names of apps. A new app gets APP.DOMAIN when the instance has a [http] domain; a name
 * belongs to one app.
 */
#ifndef CONTROL_DOMAIN_H
#define CONTROL_DOMAIN_H

#include "base/strvec.h"
#include "control/app.h"
#include "control/context.h"

int domain_list(struct db *db, int64_t app, struct strvec *out, struct error *err);
/* Checks and lower-cases NAME. ERROR_EXISTS names the app that has it. */
int domain_add(struct context *c, const struct app *app, const char *name, struct error *err);
/* ERROR_NOT_FOUND when the app does not have it. */
int domain_remove(struct context *c, const struct app *app, const char *name, struct error *err);
/* APP.DOMAIN, or NULL when the instance has no domain; the caller frees it. */
char *domain_default(const struct context *c, const char *app);

#endif
