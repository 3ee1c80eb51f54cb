/* SPDX-License-Identifier: MIT */
/*
 * A confined process for what comes from tenants or becomes files of theirs: the program berth-cell
 * (runtime/confined.h). It has one folder as its root file system, a user namespace with the
 * folder's ids, no network, no other process, no other descriptor than the one it works on, the
 * system calls of a container, and limits of its own. The root process only hears what it says.
 */
#ifndef RUNTIME_CELL_H
#define RUNTIME_CELL_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/strvec.h"

#define CELL_MAX_SECONDS 1800
#define CELL_MAX_BYTES (16ull << 30) /* of a file that it writes */

struct cell {
	const char *work; /* one of those in berth-cell.c */
	int tree;         /* the folder that becomes its root */
	uid_t inside;     /* the first id inside, and who it is */
	uid_t uid;        /* the same outside */
	gid_t gid;
	uint32_t count;
	int fd;                    /* what it works on */
	const struct strvec *told; /* what it is told; NULL: nothing */
	/* For each thing that it says; may be NULL. */
	int (*heard)(const char *what, void *data, struct error *err);
	void *data;
};

/* Runs it to its end. What it says went wrong is ERROR_INVALID. */
int cell_run(const struct cell *cell, struct error *err);

#endif
