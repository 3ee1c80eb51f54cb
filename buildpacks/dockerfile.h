/* SPDX-License-Identifier: MIT */
/*
 * A Dockerfile, read whole and checked before anything runs: its stages, each with its instructions
 * (dockerstep.h). Errors say line and column. A tenant wrote it: it is read as user berth, bounded
 * (tests/fuzz/dockerfile).
 *
 * Source: docs.docker.com/reference/dockerfile. What is known but not done here is refused:
 * RUN --mount=type=ssh, RUN --security=insecure.
 */
#ifndef BUILDPACKS_DOCKERFILE_H
#define BUILDPACKS_DOCKERFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "buildpacks/dockerstep.h"

#define DOCKERFILE_STEPS_MAX 2000
#define DOCKERFILE_STAGES_MAX 200
#define DOCKERFILE_SCRATCH "scratch"

struct docker_stage {
	struct docker_step from; /* words: the image */
	char *name;              /* in lower case, or NULL */
	struct docker_step *steps;
	size_t n_steps;
};

struct dockerfile {
	char escape;
	struct docker_step *args; /* the ARGs before the first FROM */
	size_t n_args;
	struct docker_stage *stages;
	size_t n_stages;
};

void dockerfile_init(struct dockerfile *f);
void dockerfile_release(struct dockerfile *f);
#define _cleanup_dockerfile_ _cleanup_(dockerfile_release)

/* F is initialised. On failure it is empty. */
int dockerfile_parse(struct dockerfile *f, const char *data, size_t len, struct error *err);

/* The stage that NAME (a name, or a number when NUMBERS) means among the first N, or -1. */
long dockerfile_stage(const struct dockerfile *f, const char *name, size_t n, bool numbers);
/* The same for --from=NAME in stage N; -1: an image from elsewhere. A number, and the stage's own
 * name, mean no image: an error when it is no stage before this one. */
int dockerfile_from(const struct dockerfile *f, const char *name, size_t n, long *out_stage,
		    struct error *err);

#endif
