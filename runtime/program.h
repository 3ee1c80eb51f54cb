/* SPDX-License-Identifier: MIT */
/*
 * A program that is executed in a container, and as whom: ids, capabilities, limits, system call
 * filters. Both kinds of container, and what is executed in a running one, become it here.
 */
#ifndef RUNTIME_PROGRAM_H
#define RUNTIME_PROGRAM_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "runtime/caps.h"
#include "runtime/identity.h"
#include "runtime/step.h"

#define PROGRAM_RLIMITS 16
#define PROGRAM_FILTERS 2

/* The kernel's struct sched_attr, as its first version has it (sched_setattr(2)). */
struct program_schedule {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period; /* nanoseconds */
};

struct program {
	char *const *argv; /* argv[0] is looked up in env's PATH inside */
	char *const *env;
	const char *cwd; /* NULL: where this process is */
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t n_groups;
	bool keep_groups; /* a user namespace that may not set them */
	/* not NULL: as whom, in the words of an image (identity.h); uid, gid and groups follow from
	 * its files, and its capabilities are root's only */
	const char *user;
	mode_t umask;
	struct caps caps;
	bool no_new_privs;
	struct program_rlimit {
		int resource;
		struct rlimit value;
		bool clamp; /* to what this process may set, instead of failing */
	} rlimits[PROGRAM_RLIMITS];
	unsigned n_rlimits;
	struct program_schedule schedule; /* size 0: as it is */
	int io_priority;                  /* of ioprio_set(2), 0: as it is */
	const struct sock_fprog *filters[PROGRAM_FILTERS];
	unsigned n_filters;
	unsigned filter_flags; /* of seccomp(2) */
	int listener_to;       /* a socket for the filter's listener, or -1 */
	const char *listener_text;
};

/* Finds argv[0] as execvp(3) would, in the root that the process has; OUT may be argv[0] itself.
 * Gives 0, or an errno. System calls only, as all here. */
int program_find(const struct program *p, char *buf, size_t size, const char **out);
/* Settles p->user, if any, by the files below ROOT (a folder's descriptor or AT_FDCWD): a child
 * that has no privilege left reads them. Groups and, with a home, the environment are in static
 * memory afterwards. Gives the step that failed, with errno, or STEP_NONE. */
enum step program_identify(struct program *p, int root);
/* Becomes P's user, in its working folder, without a way back. Gives the step that failed, with
 * errno, or STEP_NONE. */
enum step program_become(const struct program *p, const char **out_subject);
/* Executes it. Never returns: failures go to REPORT_FD. */
void program_exec(const struct program *p, int report_fd) __attribute__((noreturn));

#endif
