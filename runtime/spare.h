/* SPDX-License-Identifier: MIT */
/*
 * What a container needs and can be made before anybody asks for it, because it costs milliseconds
 * and depends on no container: a helper (runtime/helper.h), and on cgroup version 1 a cgroup
 * without limits in which it stands, since the first move into a cgroup waits for the kernel.
 *
 * One per process: that which will become the next shim.
 */
#ifndef RUNTIME_SPARE_H
#define RUNTIME_SPARE_H

#include <sys/types.h>

#include "runtime/helper.h"

/* Makes it; without success there is none, which only costs time later. */
void spare_warm_up(void);
/* Gives it up. */
void spare_cool_down(void);
/* The process has reaped the child PID, which may be the helper. */
void spare_child_ended(pid_t pid);
/* For a fork of the process: what was made stays its parent's. */
void spare_forget(void);

/* The spare cgroup becomes that of container ID, or is given up when it cannot. */
void spare_take(const char *id);
/* The helper for the container's start; one that does not run when there is none. */
struct helper *spare_helper(void);
/* The helper has done its work. */
void spare_used(void);

#endif
