/* SPDX-License-Identifier: MIT */
/*
 * One container of a build from start to end: its output goes to the user as it comes, what it
 * reports on its descriptor 0 (which is a pipe that it writes to) is collected, and it is killed
 * when the user goes away. Where nobody collects reports, descriptor 0 is /dev/null. The container
 * never holds a descriptor of the user's.
 *
 * When nothing was printed for PUMP_QUIET_MS, and then again and again, a line "... still DOING
 * (30 s)" shows that the step lives.
 */
#ifndef BUILDPACKS_PUMP_H
#define BUILDPACKS_PUMP_H

#include "base/error.h"
#include "base/strbuf.h"
#include "instance/instance.h"
#include "runtime/client.h"

struct pump {
	int out, err;           /* the user's; -1: not shown */
	int cancel_fd;          /* readable or hung up: cancel; -1: none */
	struct strbuf *results; /* what came on descriptor 0, capped by the caller; or NULL */
	struct strbuf *tail;    /* the last PUMP_TAIL bytes or more of output and errors; or NULL */
	const char *doing;      /* "installing", for the line that it still lives; NULL: none */
	int alive;              /* where that line goes, when there is `doing`; -1: nowhere */
	int (*turn)(void *data, struct error *err); /* as in struct build; for who has pumps made */
	void *turn_data;
};

#define PUMP_TAIL 8192
#define PUMP_QUIET_MS 10000

/* Runs SPEC to its end. ERROR_CANCELLED when the user went away; the container's own failure is no
 * error here but in *out. */
int pump_run(const struct instance *inst, const struct container_spec *spec,
	     const struct pump *pump, struct runtime_result *out, struct error *err);

#endif
