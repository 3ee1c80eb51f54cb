/* SPDX-License-Identifier: MIT */
/*
 * Collecting what no release and no tag needs any more: images, their own layers, source trees.
 * Kept are the current release of each app and its newest [releases] keep (10) others; the layers
 * of stacks and language runtimes stay, because any app may want them again.
 */
#ifndef CONTROL_COLLECT_H
#define CONTROL_COLLECT_H

#include "base/strvec.h"
#include "control/context.h"

/* Keeps collection away while a build may use what no release refers to yet; until *out_fd is
 * closed. Many may hold this. */
int collect_hold(const struct instance *inst, int *out_fd, struct error *err);

/* Removes what is not needed; does nothing while anybody holds it off. What is in use is left for
 * the next time. */
int collect_run(struct context *c, struct error *err);

/* Removes all that, and what dead containers, builds and commands left (control/leftover.h,
 * runtime_cleanup), one line each in OUT; ERROR_BUSY while a build runs, whose unfinished things
 * look the same. With DRY only lists, while a build runs what berth-runtime finds. */
int collect_leftovers(struct context *c, bool dry, struct strvec *out, struct error *err);

#endif
