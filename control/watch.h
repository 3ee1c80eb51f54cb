/* SPDX-License-Identifier: MIT */
/*
 * The watcher: a process of berthd that keeps what runs equal to what should. At its start it
 * reconciles every app (that is how boot restores them); then it holds a pidfd of every shim and
 * reconciles an app as soon as one of its shims dies. It also rotates the router's logs.
 */
#ifndef CONTROL_WATCH_H
#define CONTROL_WATCH_H

#include <stdbool.h>

#include "instance/instance.h"

/* Runs until NUDGE_FD, the read end of the pipe that watch_nudge writes to, has no writer left. */
void watch_run(const struct instance *inst, int nudge_fd) __attribute__((noreturn));

/* A command ended: look again; with RECONCILE, it died half-way: repair. */
void watch_nudge(int fd, bool reconcile);

#endif
