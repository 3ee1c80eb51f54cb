/* SPDX-License-Identifier: MIT */
/*
 * The control groups of one instance: "berth-N/ID" for each container, N being the instance's
 * number. Version 2 where it is the machine's tree (under systemd in
 * berth.slice, otherwise at the top), otherwise the version 1 hierarchies
 * memory, pids, cpu, cpuacct and devices, as far as mounted
 * (Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/ in the kernel's source).
 */
#ifndef RUNTIME_CGROUP_H
#define RUNTIME_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "instance/instance.h"
#include "runtime/spec.h"

#define CGROUP_TREES 16

struct cgroup {
	bool v2;
	unsigned n; /* trees: one with v2 */
	struct cgroup_tree {
		char name[32]; /* controllers, with commas */
		int dirfd;     /* the container's folder */
	} trees[CGROUP_TREES];
};

#define CGROUP_INIT                                                                                \
	{                                                                                          \
		.n = 0                                                                             \
	}

struct cgroup_usage {
	uint64_t memory, memory_peak; /* bytes */
	uint64_t cpu_us;
	uint32_t pids;
};

/* What the kernel counts when a limit is hit. */
struct cgroup_hits {
	uint64_t oom_kills;    /* processes killed */
	uint64_t pids_refused; /* processes and threads that were not made */
};

/* Finds the machine's trees and makes the instance's folders in them: once, when berth-runtime
 * starts; forked children inherit what it found. */
int cgroup_init(const struct instance *inst, struct error *err);
/* For a process that will be a shim: under systemd it moves beside the containers, so that it is no
 * part of berth-runtime's own unit, which may end before it. Nothing to do elsewhere. */
void cgroup_leave_unit(void);
/* Whether cgroup_init found version 2. */
bool cgroup_is_v2(void);
/* The instance's folder in tree I ("" past the last): for cleaning up. Owned by this module. */
const char *cgroup_root(unsigned i);

/* Makes the container's folders with LIMITS in force. A limit that this kernel does not know is
 * left out, but memory and pids must work. */
int cgroup_create(const char *id, const struct spec_limits *limits, struct cgroup *out,
		  struct error *err);
/* Folders without limits: what cgroup_create finds when they are renamed to its id (version 1
 * only). No id starts like CGROUP_SPARE; cgroup_init removes those that a killed process left. */
#define CGROUP_SPARE ".spare."
int cgroup_make(const char *name, struct cgroup *out, struct error *err);
int cgroup_rename(const char *from, const char *to);
/* Removes every empty spare one; gives how many are in use. */
unsigned cgroup_remove_spares(void);
/* Opens an existing one. ERROR_NOT_FOUND when it is gone. */
int cgroup_open(const char *id, struct cgroup *out, struct error *err);
void cgroup_close(struct cgroup *cg);
/* Moves the calling process in. System calls only; 0 or -1 with errno. */
int cgroup_enter(const struct cgroup *cg);
/* The same with another process. */
int cgroup_move(const struct cgroup *cg, pid_t pid);
/* Reads what it can; missing figures are 0. */
void cgroup_usage(const struct cgroup *cg, struct cgroup_usage *out);
/* The same, for those who ask every few seconds: on version 2 the kernel would add up the use of
 * all processors first. */
void cgroup_hits(const struct cgroup *cg, struct cgroup_hits *out);
/* Kills every process in it and waits up to WAIT_MS until it is empty. */
void cgroup_kill(const struct cgroup *cg, int wait_ms);
/* The same for the processes of one session in it (setsid(2)), SESSION being its leader's pid. */
void cgroup_kill_session(const struct cgroup *cg, pid_t session, int wait_ms);
/* Removes the folders; waits a little for dying processes. Missing ones are no error. */
int cgroup_remove(const char *id, struct error *err);

#endif
