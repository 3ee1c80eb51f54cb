/* SPDX-License-Identifier: MIT */
/*
 * Places inside the root of a container that is not yet entered, looked up with that root as "/"
 * (openat2(2), RESOLVE_IN_ROOT), so that no link in an image leads out of it, also while somebody
 * changes them. System calls and stack memory only.
 */
#ifndef RUNTIME_PLACE_H
#define RUNTIME_PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* Opens PATH; FLAGS as of open(2), RESOLVE as of openat2(2). Gives a descriptor or -1 with errno.
 */
int place_lookup(int root, const char *path, uint64_t flags, uint64_t resolve);
/* Opens DEST (an absolute path) as a place to mount on; what is missing is made and given to OWNER.
 * With FILE, the last component is a file. */
int place_open(int root, const char *dest, bool file, uid_t owner, int *out_fd, struct error *err);
/* Moves the detached MOUNT there. */
int place_mount(int mount, int root, const char *dest, bool file, uid_t owner, struct error *err);

#endif
