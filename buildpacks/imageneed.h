/* SPDX-License-Identifier: MIT */
/* Which stages of a Dockerfile an image needs, which of each other, and which images from
 * elsewhere. */
#ifndef BUILDPACKS_IMAGENEED_H
#define BUILDPACKS_IMAGENEED_H

#include "buildpacks/imagework.h"

/* Marks what w->last needs, numbers the steps (those of ONBUILD too) and gets the images that are
 * named. */
int imageneed_find(struct imagework *w, struct error *err);
/* Whether all that stage N needs is built. */
bool imageneed_is_ready(const struct imagework *w, size_t stage);
/* Whether two stages can be built at one time. */
bool imageneed_is_parallel(const struct imagework *w);

#endif
