/* SPDX-License-Identifier: MIT */
/*
 * Which apps are built from a Dockerfile, and what its FROM may name.
 *
 * The setting "builder" decides: "dockerfile" or "buildpacks". Without one a Dockerfile is used
 * when neither buildpacks are set nor the source has a Procfile or .buildpacks.
 */
#ifndef CONTROL_DOCKERFILE_H
#define CONTROL_DOCKERFILE_H

#include "control/app.h"
#include "control/context.h"
#include "runtime/image.h"

/* The path of the Dockerfile that builds TREE into *out, which the caller frees; NULL when
 * buildpacks do. PACKS: those that are set. */
int dockerfile_choose(struct context *c, const struct app *app, const char *tree,
		      const struct strvec *packs, char **out, struct error *err);

/* Fills OUT, initialised and empty, with what FROM NAME means: an image of that name, a stack that
 * has it or that [build] base-images gives it, or an image that a registry has, which is then kept
 * under that name. DATA is the context. */
int dockerfile_base(void *data, const char *name, struct image *out, struct error *err);

/* Adds the values that the app's operator gives to ARGs, "K=V". */
int dockerfile_args(struct context *c, const struct app *app, struct strvec *out,
		    struct error *err);

/* A path below the top of the source. */
int dockerfile_check_path(const char *path, struct error *err);
/* The name or number of a stage. */
int dockerfile_check_target(const char *name, struct error *err);
/* Words as a shell has them, each "NAME=VALUE". */
int dockerfile_check_args(const char *text, struct error *err);

#endif
