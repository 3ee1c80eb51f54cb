/* SPDX-License-Identifier: MIT */
/* Instructions of a Dockerfile that only say how its image starts. */
#ifndef BUILDPACKS_DOCKERCONFIG_H
#define BUILDPACKS_DOCKERCONFIG_H

#include "base/error.h"
#include "buildpacks/dockerstep.h"
#include "runtime/image.h"

/* Does STEP, whose words are WORDS after expansion, to IM; *own_entrypoint: this stage has said
 * one. Errors say no line. */
int dockerconfig_apply(const struct docker_step *step, const struct strvec *words, struct image *im,
		       bool *own_entrypoint, struct error *err);

/* Whether VALUE, a word of such an instruction that needs no expansion, or what its OPTION has, is
 * one that dockerconfig_apply takes. */
int dockerconfig_check(enum docker_op op, const char *option, const char *value, struct error *err);

/* PATH, absolute or below FOLDER (NULL: the root), without ".." and doubled slashes. The caller
 * frees it. */
char *dockerconfig_path(const char *folder, const char *path);

#endif
