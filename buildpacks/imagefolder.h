/* SPDX-License-Identifier: MIT */
/* WORKDIR: the folder is there in the image even when no step runs in it, and is its user's. */
#ifndef BUILDPACKS_IMAGEFOLDER_H
#define BUILDPACKS_IMAGEFOLDER_H

#include "buildpacks/imagework.h"

/* Puts a layer with the working folder of stage N, and its parents, on the image: an empty one when
 * they are there, which stay as they are. */
int imagefolder_do(struct imagework *w, size_t stage, bool *out_cached, struct error *err);

#endif
