/* SPDX-License-Identifier: MIT */
/*
 * The processes that make up a running instance, in the order in which they start: who each runs
 * as, how it is started, how one sees that it answers, how it is told to end. The supervisor walks
 * this table; the systemd units in packaging/ say the same to systemd.
 */
#ifndef CONTROL_UNIT_H
#define CONTROL_UNIT_H

#include <stdbool.h>

#include "base/child.h"
#include "base/error.h"
#include "instance/instance.h"

enum unit {
	UNIT_RUNTIME,  /* root; containers outlive it */
	UNIT_RESOLVER, /* apps ask it for names until they have ended */
	UNIT_PLUGINS,
	UNIT_BERTHD,
	UNIT_WEB,
	UNIT_ROUTER, /* nginx */
	UNIT_SSHD,   /* only when [ssh] enabled */
	UNIT_COUNT
};

/* "berth-runtime", "berthd", "berth-router", ...: also the name of its log file. */
const char *unit_name(enum unit s);

/* False for what the settings leave out. */
bool unit_enabled(const struct instance *inst, enum unit s);

#define UNIT_MAX_SOCKETS 8
struct unit_sockets {
	int fds[UNIT_MAX_SOCKETS];
	size_t n;
};

/* Opens the ports that S serves, when its keeper holds them for it: connections then wait, and none
 * is refused, while S is being started again; and S needs no right to a low port. None for the
 * others. The caller closes them. */
int unit_listen(const struct instance *inst, enum unit s, struct unit_sockets *out,
		struct error *err);

/* Starts S with LOG_FD as its stderr (and stdout), and SOCKETS (may be NULL) from unit_listen.
 * C must be child_init'ed; it leads a session of its own and gets SIGTERM when the calling process
 * dies. */
int unit_start(const struct instance *inst, enum unit s, int log_fd,
	       const struct unit_sockets *sockets, struct child *c, struct error *err);

/* S accepts connections now. Never blocks. */
bool unit_answers(const struct instance *inst, enum unit s);

/* The signal that ends S without breaking what it is doing, and how long that may take before
 * SIGKILL. */
int unit_stop_signal(enum unit s);
int unit_stop_ms(enum unit s);

/* For the router and sshd, whose programs are not Berth's: writes the configuration and becomes the
 * program. Returns only with an error. */
int unit_exec(const struct instance *inst, const char *name, struct error *err);

#endif
