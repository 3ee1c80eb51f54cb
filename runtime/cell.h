/* SPDX-License-Identifier: MIT */
/*
 * A confined process for what comes from tenants or becomes files of theirs: it has one folder as
 * its root file system, a user namespace with the folder's ids, no network, no other process, no
 * other descriptor than the one it works on, the system calls of a container, and limits of its
 * own. The root process only hears what it says.
 */
#ifndef RUNTIME_CELL_H
#define RUNTIME_CELL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/capability.h>
#include <sys/types.h>

#include "base/error.h"

#define CELL_MAX_SECONDS 1800
#define CELL_MAX_BYTES (16ull << 30) /* of a file that it writes */

struct cell {
	int tree; /* the folder that becomes its root */
	bool read_only;
	uid_t inside; /* the first id inside, and who it is */
	uid_t uid;    /* the same outside */
	gid_t gid;
	uint32_t count;
	int fd;                  /* what it works on */
	const cap_value_t *caps; /* what it keeps inside its user namespace */
	size_t n_caps;
	void (*prepare)(void); /* before the root changes; may be NULL */
	/* In the cell. FD is the number under which it has cell.fd. */
	int (*work)(int fd, void *data, struct error *err);
	/* Outside, for each thing that the work says with cell_say; may be NULL. */
	int (*heard)(const char *what, void *data, struct error *err);
	void *data;
};

/* Runs it to its end. What it says went wrong is ERROR_INVALID. */
int cell_run(const struct cell *cell, struct error *err);
/* For the work. At most PATH_MAX bytes. */
int cell_say(const char *what, struct error *err);

#endif
