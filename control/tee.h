/* SPDX-License-Identifier: MIT */
/*
 * Keeps a copy of what a session and all that it starts print: a process between them and the
 * caller, which reads what comes, passes it on and appends it to a log. In place of a terminal the
 * session gets a terminal, so that nobody behind it sees a difference; two descriptors that lead to
 * the same place share one way, so that their lines stay in order. It ends with the session,
 * however that happens, and what was printed before is in the log.
 *
 * Colours (base/colour.h) are put on behind the log; the session has none while it lasts.
 *
 * The log is cut in its middle: the first TEE_HEAD bytes and the last TEE_TAIL stay.
 */
#ifndef CONTROL_TEE_H
#define CONTROL_TEE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

#define TEE_HEAD (8u << 20)
#define TEE_TAIL (64u << 10)
#define TEE_FDS 2

struct tee {
	pid_t pid;
	int pidfd, control; /* -1: not running */
	size_t n;
	int fd[TEE_FDS], saved[TEE_FDS];
	unsigned colour; /* what the session had */
};
#define TEE_INIT                                                                                   \
	{                                                                                          \
		.pidfd = -1, .control = -1, .fd = {-1, -1}, .saved = { -1, -1 }                    \
	}

/* Puts a copying process behind the descriptors FDS[N], which are flushed already. WHEN_LOST runs
 * in it, last, when the session ended without tee_end. */
int tee_start(struct tee *t, const int *fds, size_t n, int log_fd, void (*when_lost)(void *),
	      void *data, struct error *err);

/* Gives the descriptors back and waits until all has been passed on; with LOST, as if the session
 * had died, and not for ever. Async-signal-safe; a second call does nothing. */
void tee_end(struct tee *t, bool lost);

#endif
