/* SPDX-License-Identifier: MIT */
/*
 * All containers of an instance, by their folders (status.h): the shims write those, each its own,
 * so that whoever looks sees no more than a moment, in which some begin and some end.
 */
#ifndef RUNTIME_ROSTER_H
#define RUNTIME_ROSTER_H

#include <stdbool.h>

#include "base/error.h"
#include "instance/instance.h"
#include "runtime/client.h"

/* Calls EACH with DATA and the status of every container whose id begins with PREFIX. One whose
 * folder has no status is being made (CONTAINER_STARTING) for some seconds, and then lost; one
 * whose end has been told is none any more, though its name is taken until its folder is gone. */
int roster_each(const struct instance *inst, const char *prefix,
		void (*each)(struct container_status *s, void *data), void *data,
		struct error *err);
/* What a container may keep. */
enum roster_claim {
	ROSTER_GONE,    /* there is none of that id */
	ROSTER_NOTHING, /* its shim is lost */
	ROSTER_KEPT,    /* its folder: it has ended, and somebody may ask for its exit status */
	ROSTER_ALIVE,   /* all: it runs, or is being made */
};
enum roster_claim roster_claim(const struct instance *inst, const char *id);
/* Its shim lives, or has not yet said who it is. */
bool roster_is_alive(const struct container_status *s);
/* Has every shim stop its container, with the container's own time to end, and waits for all of
 * them up to WAIT_MS. ERROR_TIMEOUT says how many are left. Needs no berth-runtime. */
int roster_stop_all(const struct instance *inst, int wait_ms, struct error *err);

#endif
