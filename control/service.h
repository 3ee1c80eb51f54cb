/* SPDX-License-Identifier: MIT */
/*
 * The processes that make up a running instance, in the order in which they start: who each runs
 * as, how it is started, how one sees that it answers, how it is told to end. The supervisor walks
 * this table; the systemd units in packaging/ say the same to systemd.
 */
#ifndef CONTROL_SERVICE_H
#define CONTROL_SERVICE_H

#include <stdbool.h>

#include "base/child.h"
#include "base/error.h"
#include "instance/instance.h"

enum service {
	SERVICE_RUNTIME, /* root; containers outlive it */
	SERVICE_PLUGINS,
	SERVICE_BERTHD,
	SERVICE_WEB,
	SERVICE_ROUTER, /* nginx */
	SERVICE_SSHD,   /* only when [ssh] enabled */
	SERVICE_COUNT
};

/* "berth-runtime", "berthd", "berth-router", ...: also the name of its log file. */
const char *service_name(enum service s);

/* False for what the settings leave out. */
bool service_enabled(const struct instance *inst, enum service s);

/* Opens the port that S serves, when its keeper holds it for it: connections then wait, and none is
 * refused, while S is being started again; and S needs no right to a low port. -1 in *out_fd for
 * the others. */
int service_listen(const struct instance *inst, enum service s, int *out_fd, struct error *err);

/* Starts S as its user with LOG_FD as its stderr (and stdout), and LISTEN_FD from service_listen.
 * C must be child_init'ed; it leads a session of its own and gets SIGTERM when the calling process
 * dies. */
int service_start(const struct instance *inst, enum service s, int log_fd, int listen_fd,
		  struct child *c, struct error *err);

/* S accepts connections now. Never blocks. */
bool service_answers(const struct instance *inst, enum service s);

/* The signal that ends S without breaking what it is doing, and how long that may take before
 * SIGKILL. */
int service_stop_signal(enum service s);
int service_stop_ms(enum service s);

/* For the router and sshd, whose programs are not Berth's: writes the configuration and becomes the
 * program. Returns only with an error. */
int service_exec(const struct instance *inst, const char *name, struct error *err);

#endif
