/* SPDX-License-Identifier: MIT */
/*
 * What goes on inside a cell (runtime/cell.h). cell.c starts "berth-cell WORK ID" as root with the
 * descriptors below, nothing else open and an empty environment, in a process id namespace of its
 * own. The program gives up all that it has before it looks at what it works on.
 *
 * It says, a message each: READY when it is in its user namespace, and waits for the maps of ids;
 * SAYS and some words while it works; DONE at its end. Anything else is an error message.
 */
#ifndef RUNTIME_CONFINED_H
#define RUNTIME_CONFINED_H

#include <limits.h>
#include <stdbool.h>
#include <sys/capability.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/strvec.h"

enum confined_fd {
	CONFINED_WORK = 3, /* what it works on */
	CONFINED_TREE,     /* the folder that becomes its root */
	CONFINED_SYNC,     /* SOCK_SEQPACKET */
	CONFINED_TOLD,     /* what the work is told: words, each with '\0' at its end */
	CONFINED_FIRST_CLOSED,
};

#define CONFINED_READY 'r'
#define CONFINED_DONE 'd'
#define CONFINED_SAYS '\x01'
#define CONFINED_MAX_SAID (PATH_MAX + ERROR_MESSAGE_MAX)

/* A kind of work. */
struct confined {
	const char *name;
	bool read_only;          /* its root */
	const cap_value_t *caps; /* what it keeps inside its user namespace */
	size_t n_caps;
	int (*work)(int fd, const struct strvec *told, struct error *err);
};

/* Confines this process, as user ID of its namespace, does the work and says how it went. */
int confined_run(const struct confined *c, uid_t id);
/* For the work. At most PATH_MAX bytes. */
int confined_say(const char *what, struct error *err);

#endif
