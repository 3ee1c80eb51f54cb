/* SPDX-License-Identifier: MIT */
/*
 * The two files of each build: its log, lib/build-logs/ID.log, and its lock, run/locks/build-ID, on
 * which the session that builds holds a record lock for as long as it lives. In the lock's file
 * stands who cancelled the build, if anybody did.
 */
#ifndef CONTROL_BUILDFILE_H
#define CONTROL_BUILDFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/strvec.h"
#include "control/context.h"

/* What may stand in a lock's file, and a NUL. */
#define BUILDFILE_NOTE_MAX 256

/* Their paths. */
char *buildfile_lock(const struct instance *inst, int64_t id);
char *buildfile_log(const struct instance *inst, int64_t id);

/* Makes both, empty, and takes the lock, which goes with *out_lock. */
int buildfile_create(const struct instance *inst, int64_t id, int *out_lock, int *out_log,
		     struct error *err);
/* The process that builds ID, or 0, and what its lock's file says. Not for this session's own:
 * closing a file of a record lock drops the lock (fcntl(2)). */
pid_t buildfile_holder(const struct instance *inst, int64_t id, char note[BUILDFILE_NOTE_MAX]);
/* Adds REASON to the log, as an error is printed. */
void buildfile_note(const struct instance *inst, int64_t id, const char *reason);

/* Removes those of builds that have no row and do not live, or with DRY only names them. OWN is
 * this session's build, 0 when it has none. */
int buildfile_sweep(struct context *c, int64_t own, bool dry, struct strvec *out,
		    struct error *err);

#endif
