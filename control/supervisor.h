/* SPDX-License-Identifier: MIT */
/*
 * Keeps the services of one instance running where systemd does not: starts them in order, each
 * when the one before answers, restarts one that dies (after 50 ms, doubling to 5 s, forgotten
 * after 10 s of life), and ends them in reverse order. Containers are not its children and outlive
 * it.
 *
 * Who it is, is never a process id in a file: it holds a lock on run/supervisor.lock, and whoever
 * wants something connects to run/supervisor.sock, sends one line and reads lines to the end:
 *   status       "NAME STATE PID RESTARTS SECONDS" for each service
 *   wait         as status, once every service answers or has had 30 s
 *   stop front   ends all but berth-runtime, and keeps them so; ends the connection when done
 *   stop         ends all and exits
 * root may ask anything, user berth for status.
 */
#ifndef CONTROL_SUPERVISOR_H
#define CONTROL_SUPERVISOR_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "instance/instance.h"

/* The supervisor itself: returns when it has been asked to stop, by a line, SIGTERM or SIGINT. With
 * LOG_FILES the services write to lib/logs/berth/NAME.log (10 MiB, one older one kept), otherwise
 * to stderr. ERROR_BUSY when the instance runs already. */
int supervisor_run(const struct instance *inst, bool log_files, struct error *err);

/* Asks a running supervisor and appends its answer to OUT. ERROR_NOT_FOUND when none runs. */
int supervisor_ask(const struct instance *inst, const char *request, struct strbuf *out,
		   struct error *err);

#endif
