/* SPDX-License-Identifier: MIT */
/*
 * How much disk a kept layer and the caches of a build take while a container writes them: a
 * process of its own walks the trees now and then, so that the shim never waits for a disk. What
 * has no bytes takes an inode, of which the disk has not more than one for METER_INODE bytes or
 * several times that. Trees deeper than METER_DEPTH count as too large: nothing that people build
 * is, and nobody hides bytes there.
 */
#ifndef RUNTIME_METER_H
#define RUNTIME_METER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define METER_DEPTH 200
#define METER_EVERY_MS 2000
#define METER_INODE 2048
#define METER_TREES 16

struct meter {
	int dirfds[METER_TREES]; /* the trees; not owned */
	unsigned n;
	uint64_t limit; /* of each */
	pid_t pid;
	int pidfd;       /* readable when a walk has ended; -1 between walks */
	int64_t next_ms; /* clock_ms of the next walk */
};

void meter_init(struct meter *m, uint64_t limit);
/* Watches the tree below DIRFD too, which stays open until meter_release; -1: none. */
void meter_add(struct meter *m, int dirfd);
/* Begins a walk when it is time. */
void meter_tick(struct meter *m);
/* Call it when pidfd is readable: true when the limit is passed. */
bool meter_take(struct meter *m);
/* Walks now, in the caller; false when nothing is watched. */
bool meter_is_passed(const struct meter *m);
void meter_release(struct meter *m);

/* The bytes below DIRFD, or UINT64_MAX when it is too deep. */
uint64_t meter_walk(int dirfd);

#endif
