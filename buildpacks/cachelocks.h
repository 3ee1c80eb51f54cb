/* SPDX-License-Identifier: MIT */
/*
 * The caches of --mount=type=cache that one step has alone while it runs: steps of stages that are
 * built at one time, and builds of one app, meet in them (run/locks/cache-ID).
 */
#ifndef BUILDPACKS_CACHELOCKS_H
#define BUILDPACKS_CACHELOCKS_H

#include <stdbool.h>

#include "base/error.h"
#include "buildpacks/builder.h"
#include "buildpacks/dockermount.h"

/* Starts as zeros; each id is taken once. */
struct cachelocks {
	int fds[DOCKER_MOUNTS_MAX];
	unsigned n;
};

void cachelocks_release(struct cachelocks *l);
/* Waits until nobody has the cache ID, and says so; ERROR_CANCELLED when the build is. */
int cachelocks_wait(struct cachelocks *l, const struct build *b, const char *id, struct error *err);
int cachelocks_try(struct cachelocks *l, const struct build *b, const char *id, bool *out_taken,
		   struct error *err);

#endif
