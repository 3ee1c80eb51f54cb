/* SPDX-License-Identifier: MIT */
/*
 * One connection to berthd, in a process of its own: receives the request, decides who asks, runs
 * the command on the caller's descriptors, and answers with its status. The client's signals arrive
 * over the connection and become this process's own; a client that goes away is a SIGHUP. A command
 * that dies takes nothing with it.
 */
#ifndef CONTROL_SESSION_H
#define CONTROL_SESSION_H

#include <stdbool.h>
#include <sys/types.h>

#include "instance/instance.h"

/* Whether the peer of FD is one who may ask at all: root, or one of Berth's own users. */
bool session_may_ask(const struct instance *inst, int fd, uid_t *out_uid);

/* Serves FD and exits. NUDGE_FD tells the watcher that something may have changed. */
void session_serve(const struct instance *inst, int fd, int nudge_fd) __attribute__((noreturn));

#endif
