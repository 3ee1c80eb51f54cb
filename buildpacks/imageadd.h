/* SPDX-License-Identifier: MIT */
/*
 * COPY and ADD of a stage: what their words and options mean, and the layer that comes of it. Its
 * key holds the content that is copied. What comes from the network may be another the second time,
 * when it is copied: without a checksum such a layer is the app's alone.
 */
#ifndef BUILDPACKS_IMAGEADD_H
#define BUILDPACKS_IMAGEADD_H

#include "buildpacks/imagework.h"

int imageadd_do(struct imagework *w, size_t stage, const struct docker_step *step, bool *out_cached,
		struct error *err);

#endif
