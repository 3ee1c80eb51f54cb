/* SPDX-License-Identifier: MIT */
/*
 * A further program in a running container: its namespaces, cgroup, user, filters and limits, as if
 * the container had started it itself. Nothing is read back from the container.
 */
#ifndef RUNTIME_JOIN_H
#define RUNTIME_JOIN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "runtime/cgroup.h"
#include "runtime/program.h"

struct join {
	int pidfd;      /* of a process of the container, for its namespaces */
	int namespaces; /* CLONE_NEW*: those to enter */
	bool takes_ids; /* one of them is a user namespace: becomes its root first */
	const struct cgroup *cgroup;
	const struct program *program;
	int stdio[3];
	unsigned keep_fds; /* descriptors 3.. that the program inherits */
	bool tty;          /* a new terminal of the container's own /dev/pts */
	unsigned short rows, columns;
	const char *label_file, *label; /* of a security module: /proc/self/attr/... */
	bool stays;                     /* outlives the caller */
};

struct joined {
	pid_t pid; /* a child of the caller */
	int pidfd;
	int console; /* with tty: the terminal's master */
};

/* Starts it: returns when the program has been executed, or with the step that failed. */
int join_start(const struct join *join, struct joined *out, struct error *err);

#endif
