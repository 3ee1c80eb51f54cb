/* SPDX-License-Identifier: MIT */
/*
 * Making what is what should be: start what is missing, route what answers, stop what is surplus.
 * A deploy, a config change, scaling, a restart, a rollback, boot and crash recovery all come
 * through here; they differ only in the release they want and in what a failed check means.
 *
 * The caller holds the app's lock.
 */
#ifndef CONTROL_ROLLOUT_H
#define CONTROL_ROLLOUT_H

#include "control/process.h"

/* Brings up R beside what runs, checks it, makes it current, routes to it and retires the rest.
 * When anything before the switch fails, what was started is stopped again, R is marked failed and
 * the old release goes on untouched. */
int rollout_release(struct context *c, struct app *app, struct release *r, struct error *err);

/* Brings APP to its current release (or to nothing when it is stopped or has none): the reconcile
 * function. A process that fails its check stays, to be restarted by its shim, and is routed to
 * when it answers. With RETRY, processes whose restarts were used up are started again. */
int rollout_reconcile(struct context *c, struct app *app, bool retry, struct error *err);

/* Publishes APP's routes from what runs now. */
int rollout_route(struct context *c, const struct app *app, struct error *err);

/* Stops and forgets the processes of APP, all at once; with rollout_stop_all its one-offs too. */
int rollout_stop_processes(struct context *c, const struct app *app, struct error *err);
int rollout_stop_all(struct context *c, const struct app *app, struct error *err);

#endif
