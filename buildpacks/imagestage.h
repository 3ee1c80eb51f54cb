/* SPDX-License-Identifier: MIT */
/* One stage of a Dockerfile, built on what it needs, which is there: its steps, in order. */
#ifndef BUILDPACKS_IMAGESTAGE_H
#define BUILDPACKS_IMAGESTAGE_H

#include "buildpacks/imagework.h"

/* Fills the image of stage N, and w->made with the layers that its steps have given. */
int imagestage_build(struct imagework *w, size_t stage, struct error *err);
/* The same with LAYERS from w->made of another process that has built it; it says nothing. */
int imagestage_replay(struct imagework *w, size_t stage, const struct strvec *layers,
		      struct error *err);

#endif
