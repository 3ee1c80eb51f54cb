/* SPDX-License-Identifier: MIT */
/*
 * How fast a container's output is read. What it prints costs the machine time and disk that no
 * limit of its own counts, so its shim reads RATE bytes a second on average and PACE_BURST_S
 * seconds' worth at once; a program that prints more waits in its write(2), and loses nothing.
 */
#ifndef RUNTIME_PACE_H
#define RUNTIME_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACE_BURST_S 8
#define PACE_PAUSE_MS 100

struct pace {
	uint64_t rate, credit; /* bytes a second, bytes */
	int64_t at_ms;         /* clock_ms up to which the credit has been given */
	int64_t next_ms;       /* clock_ms of the next read; 0: now */
};

void pace_init(struct pace *p, uint64_t rate);
/* Notes that N bytes have been read. Gives whether that was too much: then NEXT_MS is set. */
bool pace_spend(struct pace *p, size_t n);
/* Whether it may be read from now, NEXT_MS being over. */
bool pace_allows(struct pace *p);

#endif
