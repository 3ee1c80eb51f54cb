/* SPDX-License-Identifier: MIT */
/*
 * Builds as objects: one row for each time that source is built and deployed, however it came, and
 * a log of all that was printed (lib/build-logs/ID.log).
 *
 * A build lives as long as its session holds the record lock on run/locks/build-ID, which the
 * kernel drops with the process: a row that is not finished and whose lock is free is of a session
 * that died, and whoever sees it first writes that down (build_reap). The lock's file holds who
 * cancelled the build, if anybody did.
 *
 * The queue: at most [build] parallel builds run containers at once, in the order of their ids.
 * What compiles nothing does not queue. That one app's deploys follow each other, and collapse to
 * the newest, is control/lock.h's.
 */
#ifndef CONTROL_BUILD_H
#define CONTROL_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "control/app.h"
#include "control/context.h"

/* "push", "up", "sync", "archive", "rebuild", "image"; ends in NULL. */
extern const char *const build_kinds[];

struct build_row {
	int64_t id, app;
	char app_name[NAME_APP_MAX + 1];
	char *kind;   /* how the source came: one of build_kinds */
	char *status; /* queued, building, deploying, succeeded, failed, cancelled */
	char *user, *commit;
	char *reason;    /* why it failed or was cancelled; "" otherwise */
	char *image;     /* "" before there is one */
	char *timings;   /* "source 0.01 s, build 0.20 s": each phase that ended */
	int64_t release; /* the version that it made, or 0 */
	int64_t created_at, started_at, finished_at; /* 0: not yet */
	int exit_code;
	int position; /* in the queue, from 1; 0 when it is not queued */
};
void build_row_release(struct build_row *row);

/* --- for the session that builds; it has at most one at a time --- */

/* Makes the row and starts to keep what is printed on c->out and stderr. */
int build_begin(struct context *c, const struct app *app, const char *kind, const char *commit,
		struct error *err);
/* The app's turn has come: the build began. */
int build_started(struct context *c, struct error *err);
/* Waits until this build may run containers, and says for how many others it waits. C is a struct
 * context; again costs nothing. */
int build_turn(void *c, struct error *err);
/* What takes a turn is over. */
int build_built(struct context *c, const char *image, struct error *err);
/* How long phase NAME took. */
void build_phase(const char *name, int64_t ms);
/* How long this build waited for its turn so far. */
int64_t build_waited(void);
/* The end, with WHY it failed or NULL. STATUS: "succeeded", "failed" or "cancelled". Never fails:
 * the deploy's own result counts. */
void build_end(struct context *c, const char *status, int64_t release, const struct error *why);
/* In the handler of a signal that ends the session: says who cancelled, notes it, and gives
 * everything back. Gives whether there was a build. Async-signal-safe. */
bool build_cut_short(void);

/* --- for everybody --- */

/* Newest first; APP 0: of all apps; STATUS NULL: any. The caller frees each row and *out. */
int build_list(struct context *c, int64_t app, const char *status, const char *kind,
	       struct build_row **out, size_t *out_n, struct error *err);
/* ID 0: the newest. ERROR_NOT_FOUND names the app. */
int build_find(struct context *c, const struct app *app, int64_t id, struct build_row *out,
	       struct error *err);
bool build_is_finished(const struct build_row *row);
/* Copies the log to c->out; with FOLLOW that of a build under way as it comes, until it ends. */
int build_output(struct context *c, const struct build_row *row, bool follow, struct error *err);
/* Ends a build under way, in the name of c->identity; returns when it has ended. */
int build_cancel(struct context *c, const struct build_row *row, struct error *err);
/* Finishes the rows of sessions that died. */
int build_reap(struct context *c, struct error *err);
/* Forgets all but the newest builds of APP that setting "retention" keeps (20), and their logs. */
int build_prune(struct context *c, int64_t app, struct error *err);
/* Removes logs and locks of builds that have no row, or with DRY only names them. */
int build_sweep(struct context *c, bool dry, struct strvec *out, struct error *err);
/* [build] parallel, by default half the processors, at least one. */
int build_parallel(const struct instance *inst, unsigned *out, struct error *err);

#endif
