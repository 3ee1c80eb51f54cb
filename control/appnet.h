/* SPDX-License-Identifier: MIT */
/*
 * Which apps reach each other: all that are attached to one network, in both directions, and those
 * that are linked, in the link's direction; and where each may go outside (control/egress.h). Rows
 * in the database; every change is sent whole to berth-runtime before it is committed, so that what
 * a command says it did is in force, for processes that run too.
 */
#ifndef CONTROL_APPNET_H
#define CONTROL_APPNET_H

#include "base/strvec.h"
#include "control/app.h"
#include "control/context.h"

#define APPNET_NAME_MAX 63

/* ERROR_EXISTS; ERROR_NOT_FOUND below. */
int appnet_create(struct context *c, const char *name, struct error *err);
int appnet_find(struct context *c, const char *name, int64_t *out_created_at, struct error *err);
/* ERROR_BUSY while an app is attached. */
int appnet_destroy(struct context *c, const char *name, struct error *err);
int appnet_list(struct context *c, struct strvec *out, struct error *err);
/* The apps of network NAME; the networks of APP. */
int appnet_apps(struct context *c, const char *name, struct strvec *out, struct error *err);
int appnet_of(struct context *c, const struct app *app, struct strvec *out, struct error *err);

/* ERROR_EXISTS when it is attached, ERROR_NOT_FOUND when it is not. */
int appnet_join(struct context *c, const struct app *app, const char *name, struct error *err);
int appnet_leave(struct context *c, const struct app *app, const char *name, struct error *err);

/* From APP to the apps NAMES, all or none. Those that are linked, or not, are no error. */
int appnet_link(struct context *c, const struct app *app, const struct strvec *names,
		struct error *err);
int appnet_unlink(struct context *c, const struct app *app, const struct strvec *names,
		  struct error *err);
/* Whom APP reaches by a link; with INCOMING, who reaches APP. */
int appnet_links(struct context *c, const struct app *app, bool incoming, struct strvec *out,
		 struct error *err);

/* Whether any app, or its own processes, may reach APP. */
int appnet_is_reached(struct context *c, const struct app *app, bool *out, struct error *err);

/* VALUE as egress_setting gives it; NULL opens. A host that has no address is ERROR_NOT_FOUND. */
int appnet_set_egress(struct context *c, const struct app *app, const char *value,
		      struct error *err);

/* Tells berth-runtime, and the resolver, what is in the database. */
int appnet_apply(struct context *c, struct error *err);
/* Each minute: looks up again what egress policies name. */
int appnet_refresh(struct context *c, struct error *err);

#endif
