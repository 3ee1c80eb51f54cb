/* SPDX-License-Identifier: MIT */
/*
 * The process that clones a container's first process, and before it may make namespaces for it
 * while its parent makes the mounts. It can stand in the container's cgroup, as version 1 needs:
 * the first move into a group waits several milliseconds for the kernel, so a spare helper makes it
 * before anybody asks.
 *
 * A helper shares memory and descriptors with the process that made it, like a thread, but is a
 * process of its own to the kernel's cgroups: making one copies no page tables. It makes system
 * calls only (errno too is its parent's), and is gone once it has cloned.
 */
#ifndef RUNTIME_HELPER_H
#define RUNTIME_HELPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "runtime/cgroup.h"

struct helper {
	pid_t pid;   /* 0: none */
	bool inside; /* a cgroup */
	bool ahead;
	int go[2], result[2];
};

#define HELPER_INIT                                                                                \
	{                                                                                          \
		0, false, false, {-1, -1},                                                         \
		{                                                                                  \
			-1, -1                                                                     \
		}                                                                                  \
	}

/* Starts one that enters CG, which must stay open; NULL: none. At most one at a time in a process.
 */
int helper_start(struct helper *h, const struct cgroup *cg, struct error *err);
/* Has it enter the caller's mount namespace and working folder and call AHEAD(DATA), which gives 0
 * or -1 with errno: helper_clone, which waits for that, tells. */
int helper_go_ahead(struct helper *h, int (*ahead)(void *data), void *data, struct error *err);
/* Has it enter the caller's mount namespace and working folder, unless it is there by
 * helper_go_ahead, and call CLONE_INIT(DATA), which gives a pid or -1 with errno and must make a
 * sibling of the helper (CLONE_PARENT). Ends and reaps it. Gives the pid, or -1 with errno. */
pid_t helper_clone(struct helper *h, pid_t (*clone_init)(void *data), void *data);
/* Kills and reaps it. */
void helper_release(struct helper *h);

#endif
