/* SPDX-License-Identifier: MIT */
/*
 * One-off processes: a command in a container of a release, attached to the caller: `run`, the
 * steps of a deploy (control/step.h). With a terminal the caller's is put into raw mode and the
 * container gets one of its own. The container ends with the caller.
 */
#ifndef CONTROL_ONEOFF_H
#define CONTROL_ONEOFF_H

#include <stdbool.h>

#include "control/process.h"

#define ONEOFF_TAIL 8192

struct oneoff {
	const char *command;
	const char *name;         /* "run.1234", or "release": its DYNO */
	const struct strvec *env; /* more "KEY=VALUE", or NULL */
	int stdio[3];             /* -1: /dev/null */
	struct strbuf *tail; /* the last ONEOFF_TAIL bytes or more of what it printed; or NULL */
	bool terminal;       /* stdio[0] and [1] are one; then there is no tail */
	bool forward; /* signals and window changes are the command's; else they end this session */
	unsigned time_s; /* 0: no limit */
};

/* The container of ONE: process_spec with what ONE adds. KIND is its label's first letter
 * (control/detached.h). The caller releases *out, also after a failure. */
int oneoff_spec(struct context *c, const struct app *app, const struct release *r,
		const struct image *im, const struct oneoff *one, char kind,
		struct container_spec *out, struct error *err);

/* *out_status is the command's, 0 to 255. */
int oneoff_run(struct context *c, const struct app *app, const struct release *r,
	       const struct image *im, const struct oneoff *one, int *out_status,
	       struct error *err);

/* The same inside the running container ID (`enter`). */
int oneoff_enter(struct context *c, const char *id, const struct strvec *argv, bool terminal,
		 const int stdio[3], int *out_status, struct error *err);

#endif
