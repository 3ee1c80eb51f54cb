/* SPDX-License-Identifier: MIT */
/*
 * What berthd's side of things leaves behind when it dies half-way, or when the state was put back
 * from a copy: containers of no release, files of apps and builds that are not in the database,
 * files that were being written. What berth-runtime leaves is runtime/cleanup.h's; images, layers,
 * sources and packs are control/collect.h's, which calls this with all builds held off.
 */
#ifndef CONTROL_LEFTOVER_H
#define CONTROL_LEFTOVER_H

#include <stdbool.h>

#include "base/strvec.h"
#include "control/context.h"

/* Removes it, or with DRY only names it; one line each goes to OUT. TREES are those that releases
 * need, CACHES the ids of caches that builds of Dockerfiles need. */
int leftover_remove(struct context *c, const struct strvec *trees, const struct strvec *caches,
		    bool dry, struct strvec *out, struct error *err);

#endif
