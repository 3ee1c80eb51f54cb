/* SPDX-License-Identifier: MIT */
/*
 * How much disk a kept layer takes while a container writes it: a process of its own walks the tree
 * now and then, so that the shim never waits for a disk. Trees deeper than METER_DEPTH count as too
 * large: nothing that people build is, and nobody hides bytes there.
 */
#ifndef RUNTIME_METER_H
#define RUNTIME_METER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define METER_DEPTH 200
#define METER_EVERY_MS 2000

struct meter {
	int dirfd; /* the tree; not owned. -1: nothing to watch */
	uint64_t limit;
	pid_t pid;
	int pidfd;       /* readable when a walk has ended; -1 between walks */
	int64_t next_ms; /* clock_ms of the next walk */
};

void meter_init(struct meter *m, int dirfd, uint64_t limit);
/* Begins a walk when it is time. */
void meter_tick(struct meter *m);
/* Call it when pidfd is readable: true when the limit is passed. */
bool meter_take(struct meter *m);
void meter_release(struct meter *m);

/* The bytes below DIRFD, or UINT64_MAX when it is too deep; stops counting past LIMIT. */
uint64_t meter_walk(int dirfd, uint64_t limit);

#endif
