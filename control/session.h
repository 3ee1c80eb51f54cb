/* SPDX-License-Identifier: MIT */
/*
 * One connection to berthd, in a process of its own: receives the request, decides who asks, forks
 * the worker that runs the command on the caller's descriptors, passes signals on, and answers with
 * the worker's status. A worker that dies takes nothing with it.
 */
#ifndef CONTROL_SESSION_H
#define CONTROL_SESSION_H

#include "instance/instance.h"

/* Serves FD and exits. NUDGE_FD tells the watcher that something may have changed. */
void session_serve(const struct instance *inst, int fd, int nudge_fd) __attribute__((noreturn));

#endif
