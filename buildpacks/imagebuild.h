/* SPDX-License-Identifier: MIT */
/*
 * From a Dockerfile to a container image. Only the stages that the last one needs are built. Each
 * RUN, COPY and ADD is a container whose writable folder becomes a layer, named IMAGEBUILD_LAYER
 * and a hash of all that it depends on: the layers below, the instruction with its variables
 * replaced, for COPY and ADD the content that is copied, and for a RUN that sees a cache or a
 * secret the app. A layer that is there is not made again, in any app; what an app's builds used is
 * kept (imagekept.h).
 *
 * RUN sees the config vars of the app only as secrets: --mount=type=secret,id=KEY.
 */
#ifndef BUILDPACKS_IMAGEBUILD_H
#define BUILDPACKS_IMAGEBUILD_H

#include "base/error.h"
#include "buildpacks/builder.h"
#include "runtime/image.h"

#define IMAGEBUILD_LAYER "df-"
#define IMAGEBUILD_EMPTY IMAGEBUILD_LAYER "empty" /* stands for no layer */

/* Builds b->dockerfile and saves the image into OUT (initialised, empty). */
int imagebuild_run(const struct build *b, struct image *out, struct error *err);

#endif
