/* SPDX-License-Identifier: MIT */
/*
 * A further program in a running container: its namespaces, cgroup, user, filters and limits, as if
 * the container had started it itself. Runs in a fork of the container's shim, which knows what was
 * asked for at its start: nothing is read back from the container.
 */
#ifndef RUNTIME_EXEC_H
#define RUNTIME_EXEC_H

#include "runtime/plan.h"
#include "runtime/wire.h"

/* Runs the command ARGV in the container, NULL_FD its input and OUTPUT the other two, and ends this
 * process as it ended: by its status (126, and the reason in OUTPUT: it could not be started) or,
 * killed because it took longer than TIMEOUT_MS, by a signal. */
void exec_check(const struct plan *plan, const struct container_run *run, const struct strvec *argv,
		uint32_t timeout_ms, int null_fd, int output) __attribute__((noreturn));

/* Serves the request FRAME (WIRE_EXEC after the id; descriptors: stdin, stdout, stderr unless tty)
 * of the client on CONN to its end. The exit status for _exit. */
int exec_main(const struct plan *plan, const struct container_run *run, struct wire_frame *frame,
	      struct wire_reader *reader, int conn, const int *stdio);

#endif
