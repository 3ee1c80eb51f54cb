/* SPDX-License-Identifier: MIT */
/*
 * The process that stands in a container's cgroup and clones its init there. Only cgroup version 1
 * needs one: the first move into a group waits several milliseconds for the kernel, so a helper
 * makes it ahead of time (a spare one, before anybody asks) or in parallel to the mounts.
 *
 * A helper shares memory and descriptors with the process that made it, like a thread, but is a
 * process of its own to the kernel's cgroups: making one copies no page tables. It makes system
 * calls only, and is gone once it has cloned.
 */
#ifndef RUNTIME_HELPER_H
#define RUNTIME_HELPER_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "runtime/cgroup.h"

struct helper {
	pid_t pid; /* 0: none */
	int go[2], result[2];
};

#define HELPER_INIT                                                                                \
	{                                                                                          \
		0, {-1, -1},                                                                       \
		{                                                                                  \
			-1, -1                                                                     \
		}                                                                                  \
	}

/* Starts one that enters CG, which must stay open. At most one at a time in a process. */
int helper_start(struct helper *h, const struct cgroup *cg, struct error *err);
/* Has it enter the caller's mount namespace and working folder and call CLONE_INIT(DATA), which
 * gives a pid or -1 with errno and must make a sibling of the helper (CLONE_PARENT). Ends and reaps
 * it. Gives the pid, or -1 with errno. */
pid_t helper_clone(struct helper *h, pid_t (*clone_init)(void *data), void *data);
/* Kills and reaps it. */
void helper_release(struct helper *h);

#endif
