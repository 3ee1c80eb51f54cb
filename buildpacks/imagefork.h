/* SPDX-License-Identifier: MIT */
/*
 * Stages of a Dockerfile side by side: each in a process of its own, which asks and tells this one
 * over a socket and prints into a pipe, so that each line can say which stage it is of. The first
 * that fails ends the others; all end with this process.
 *
 * Such a process builds as any does, and gives back only the names of the layers: this one then
 * goes through the stage once more with those, which costs nothing. What needs the database (a turn
 * among the builds) is done here, when it is asked.
 */
#ifndef BUILDPACKS_IMAGEFORK_H
#define BUILDPACKS_IMAGEFORK_H

#include "buildpacks/imagework.h"

/* How many stages of one build run at a time: [build] stages, or one for each processor. */
int imagefork_most(const struct instance *inst, size_t *out, struct error *err);
/* Builds all stages that are needed, at most MOST at a time. */
int imagefork_build(struct imagework *w, size_t most, struct error *err);

#endif
