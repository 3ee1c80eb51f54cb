/* SPDX-License-Identifier: MIT */
/*
 * RUN: a command in a container on what the stage has so far, and its --mount options. What the
 * command wrote becomes a layer. One that sees a cache or a secret, which the app alone has, is
 * never taken for another app.
 */
#ifndef BUILDPACKS_IMAGERUN_H
#define BUILDPACKS_IMAGERUN_H

#include "buildpacks/imagework.h"

int imagerun_do(struct imagework *w, size_t stage, const struct docker_step *step, bool *out_cached,
		struct error *err);

#endif
