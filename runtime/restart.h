/* SPDX-License-Identifier: MIT */
/*
 * When a container that ended starts again: at once, then after 1 s, doubling to 5 minutes; a run
 * that lasted 10 minutes makes it forget.
 */
#ifndef RUNTIME_RESTART_H
#define RUNTIME_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/spec.h"

#define RESTART_FIRST_MS 1000
#define RESTART_MOST_MS 300000
#define RESTART_FORGET_MS 600000
#define RESTART_DEFAULT_MAX 10

struct restart {
	enum spec_restart policy;
	uint32_t max;    /* for SPEC_RESTART_ON_FAILURE */
	uint32_t in_row; /* restarts since it was last well */
};

void restart_init(struct restart *r, const struct container_spec *spec);
/* The program ended after LIVED_MS, with or without FAILED (an exit code but 0, or killed). Gives
 * the milliseconds until it starts again, or -1 when it stays down. */
int64_t restart_after(struct restart *r, bool failed, int64_t lived_ms);

#endif
