/* SPDX-License-Identifier: MIT */
/*
 * Housekeeping of repositories: git's own gc packs loose objects and drops those that nothing has
 * reached for two weeks (git-gc(1)), such as what rejected pushes left.
 */
#ifndef RECEIVER_GC_H
#define RECEIVER_GC_H

#include <stdbool.h>

#include "base/error.h"
#include "instance/instance.h"

/* Runs git gc on APP's repository; unless NOW, only when git finds that there is enough to do.
 * Slow: for when nobody waits. Pushes go on meanwhile. */
int gc_run(const struct instance *inst, const char *app, bool now, struct error *err);

#endif
