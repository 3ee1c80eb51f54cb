/* SPDX-License-Identifier: MIT */
/*
 * Detached one-offs: commands in containers of a release that no session holds on to
 * (`run:detached`, cron tasks), and the list of all one-offs. As with processes, what exists is
 * what berth-runtime lists: the label is "d APP RELEASE TTL NAME COMMAND", and "r ..." for one that
 * lives with its session (control/oneoff.h). Their shims hold them, so no daemon's death ends one,
 * and kill them when their time is over. What they print is in the app's log under their name. One
 * that has ended is kept, for its exit status, until it is retired.
 */
#ifndef CONTROL_DETACHED_H
#define CONTROL_DETACHED_H

#include "control/oneoff.h"

#define DETACHED_TTL_S 86400  /* when nothing else is said */
#define DETACHED_KEEP_S 86400 /* one that has ended is retired then */
#define DETACHED_NAME_MAX 40
#define DETACHED_COMMAND_MAX 160

struct detached {
	struct container_status status;
	int64_t app, release;
	unsigned ttl_s;
	bool attached;
	char name[DETACHED_NAME_MAX + 1];
	char command[DETACHED_COMMAND_MAX + 1]; /* its beginning, printable */
};

/* The one-offs of APP (0: of all apps) without the steps of deploys. The caller frees *out. */
int detached_list(const struct instance *inst, int64_t app, struct detached **out, size_t *out_n,
		  struct error *err);
/* "up", "exited" with its status told elsewhere, or "lost": its machine or supervisor died. */
const char *detached_state_name(const struct detached *d);

/* Starts ONE, whose stdio, terminal and tail do not count. Without ONE->name it is called run.XXXX.
 * OUT_NAME has room for DETACHED_NAME_MAX + 1. */
int detached_start(struct context *c, const struct app *app, const struct release *r,
		   const struct image *im, const struct oneoff *one, char *out_name,
		   struct error *err);

/* Forgets the one-offs of APP that ended DETACHED_KEEP_S ago or, with ALL, at any time, and removes
 * their logs; *out_n is how many. */
int detached_retire(struct context *c, const struct app *app, bool all, size_t *out_n,
		    struct error *err);

#endif
