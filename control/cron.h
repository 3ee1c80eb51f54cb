/* SPDX-License-Identifier: MIT */
/*
 * Tasks that run at their times: the `cron` of the app.json of an app's current release, each a
 * detached one-off called cron.ID (control/detached.h). ID is made of command and schedule, so a
 * task keeps its state from release to release as long as both stay. The tables follow the current
 * release: cron_load and cron_tick read its app.json when it is another one.
 *
 * What was due while nobody looked is run once when it is at most CRON_LATE_S past; older times,
 * and those at which the app was stopped or the task suspended, are left out. A run is claimed in
 * the database before it starts: it may get lost with a machine that dies there, never doubled.
 */
#ifndef CONTROL_CRON_H
#define CONTROL_CRON_H

#include "base/schedule.h"
#include "control/app.h"
#include "control/context.h"

#define CRON_LATE_S 3600
#define CRON_ID_SIZE 9
#define CRON_ZONE_KEY "cron-timezone"

struct cron_task {
	char id[CRON_ID_SIZE];
	char *command, *schedule, *concurrency;
	char *result; /* of the last run that ended: "succeeded", "failed with status 1", "" */
	bool suspended;
	int64_t checked_at, started_at; /* unix seconds; 0: never */
};

struct cron_list {
	struct cron_task *v;
	size_t n;
	char *zone; /* what counts for schedules that name none; NULL: UTC */
};

void cron_list_release(struct cron_list *l);
#define _cleanup_cron_ _cleanup_(cron_list_release)

/* The tasks of APP, in the order of its app.json. */
int cron_load(struct context *c, const struct app *app, struct cron_list *out, struct error *err);
/* The task ID; ERROR_NOT_FOUND names the command that lists them. */
int cron_find(const struct app *app, const struct cron_list *l, const char *id,
	      const struct cron_task **out, struct error *err);
/* Its next time after NOW; 0: none. */
int64_t cron_next(const struct cron_list *l, const struct cron_task *t, int64_t now);
/* Whether it is to run at NOW. */
bool cron_due(const struct cron_list *l, const struct cron_task *t, int64_t now);
int cron_suspend(struct context *c, const struct app *app, const struct cron_task *t, bool on,
		 int64_t now, struct error *err);
/* Runs it now, whatever its time; OUT_NAME as for detached_start. */
int cron_start(struct context *c, const struct app *app, const struct cron_task *t, unsigned ttl_s,
	       char *out_name, struct error *err);
/* Notes the ends of runs, and starts what is due at NOW, as the overlap policy says. Called every
 * minute by berthd's watcher, in a process of its own. */
int cron_tick(struct context *c, int64_t now, struct error *err);

#endif
