/* SPDX-License-Identifier: MIT */
/*
 * How a process that can do nothing but make system calls tells its parent what went wrong: which
 * step, on what, with which errno, through a pipe that exec closes.
 */
#ifndef RUNTIME_STEP_H
#define RUNTIME_STEP_H

#include <stdint.h>

#include "base/error.h"

enum step {
	STEP_NONE,
	STEP_CGROUP,
	STEP_CLONE,
	STEP_SYNC,
	STEP_IDS,
	STEP_ROOT,
	STEP_PROPAGATION,
	STEP_PLACE,
	STEP_MOUNT,
	STEP_VOLUME,
	STEP_DEVICE,
	STEP_MASK,
	STEP_READ_ONLY,
	STEP_SYSCTL,
	STEP_HOOK,
	STEP_PIVOT,
	STEP_CWD_CHECK,
	STEP_HOSTNAME,
	STEP_NETWORK,
	STEP_USER,
	STEP_TERMINAL,
	STEP_STDIO,
	STEP_LIMITS,
	STEP_SCHEDULE,
	STEP_PRIVILEGES,
	STEP_LABEL,
	STEP_SECCOMP,
	STEP_FORK,
	STEP_CWD,
	STEP_EXEC,
	STEP_JOIN,
	STEP_GATE,
	/* not failures: the root is built and not yet entered; eth0 is up; all is done but the
	 * program */
	STEP_BUILT,
	STEP_LINKED,
	STEP_READY,
	STEP_COUNT_
};

struct step_report {
	int32_t step, error;
	char subject[248];
};

/* Writes what happened. SUBJECT names a path or the like, or is NULL. */
void step_tell(int fd, enum step step, const char *subject, int error);
/* The same, and ends the process. */
void step_fail(int fd, enum step step, const char *subject, int error) __attribute__((noreturn));
/* step_fail with errno when FAILED. */
void step_check(int failed, int fd, enum step step, const char *subject);
/* Reads one. Gives 1, 0 at the end of the pipe, -1 when it is malformed. */
int step_read(int fd, struct step_report *out);
/* ERR gets the text. Gives -1. */
int step_error(const struct step_report *report, struct error *err);

#endif
