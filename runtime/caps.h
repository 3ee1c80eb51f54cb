/* SPDX-License-Identifier: MIT */
/*
 * Giving up capabilities (capabilities(7)) for good, in a process that is about to execute a
 * tenant's program. System calls only: safe after fork. Each gives 0 or -1 with errno.
 */
#ifndef RUNTIME_CAPS_H
#define RUNTIME_CAPS_H

#include <stdint.h>

#include "runtime/spec.h"

/* What PROFILE keeps inside its user namespace: nothing for apps and builds, what a package manager
 * needs for layers. Bit N is capability N. */
uint64_t caps_of_profile(enum spec_profile profile);

/* Drops every capability but KEEP from the bounding set. */
int caps_drop_bounding(uint64_t keep);
/* Sets permitted and effective to KEEP, inheritable and ambient to nothing. */
int caps_set(uint64_t keep);

#endif
