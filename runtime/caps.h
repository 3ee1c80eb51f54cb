/* SPDX-License-Identifier: MIT */
/*
 * Giving up capabilities (capabilities(7)) for good, in a process that is about to execute a
 * container's program. System calls only: safe after fork. Each gives 0 or -1 with errno.
 */
#ifndef RUNTIME_CAPS_H
#define RUNTIME_CAPS_H

#include <stdint.h>

#include "runtime/spec.h"

/* Bit N is capability N. */
struct caps {
	uint64_t bounding, effective, permitted, inheritable, ambient;
};

/* What PROFILE keeps inside its user namespace: nothing for apps and builds, what a package manager
 * needs for layers, what programs need to start themselves as another user for images whose program
 * is root. */
void caps_of_profile(enum spec_profile profile, struct caps *out);

/* The number of capability NAME ("CAP_CHOWN"), or -1. */
int caps_number(const char *name);

/* Makes every permitted capability effective, after a change of user has made none so. */
int caps_raise(void);
/* Drops every capability but KEEP from the bounding set. */
int caps_drop_bounding(uint64_t keep);
/* Sets the other four; what the process does not have is left out. */
int caps_set(const struct caps *caps);
/* The same in two parts: between them every permitted capability is effective, and caps_finish is
 * one capset(2). */
int caps_prepare(const struct caps *caps);
int caps_finish(const struct caps *caps);

#endif
