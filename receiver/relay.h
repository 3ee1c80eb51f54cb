/* SPDX-License-Identifier: MIT */
/*
 * What git answers to a push, on its way to the pusher. git refuses a push from a shallow clone by
 * itself, before any hook runs, and in words that say nothing of what to do: they are looked for
 * here, and explained on stderr. Whatever else has these words in it costs its reader one line.
 */
#ifndef RECEIVER_RELAY_H
#define RECEIVER_RELAY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

/* As much as a write to a pipe or socket that poll(2) calls writable takes without waiting. */
#define RELAY_BLOCK 4096
#define RELAY_SHALLOW "shallow update not allowed"

struct relay {
	int from; /* git's answers; -1 at their end, or when git has the pusher's own descriptor */
	size_t len; /* bytes in buf that are to be passed on; while there are some, none are read */
	bool shallow; /* such a refusal was seen */
	char buf[RELAY_BLOCK];
	size_t n; /* of `last` */
	char last[sizeof(RELAY_SHALLOW) - 2];
};

void relay_release(struct relay *r);
#define _cleanup_relay_ _cleanup_(relay_release)

/* Reads what there is; at the end closes r->from. Gives whether the refusal is in it, with what
 * came before: once. */
bool relay_read(struct relay *r);
/* One write of what was read. */
int relay_write(struct relay *r, int to, struct error *err);

#endif
