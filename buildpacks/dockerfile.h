/* SPDX-License-Identifier: MIT */
/*
 * A Dockerfile, read whole and checked before anything runs: unknown instructions, options and
 * forms, references to stages that are not there, words that are not well formed. Errors say line
 * and column. A tenant wrote it: it is read as user berth, bounded (tests/fuzz/dockerfile).
 *
 * Source: docs.docker.com/reference/dockerfile. What is known but not done here is refused:
 * RUN --mount=type=ssh, RUN --security=insecure, COPY --parents, ADD of a git repository.
 */
#ifndef BUILDPACKS_DOCKERFILE_H
#define BUILDPACKS_DOCKERFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strvec.h"

#define DOCKERFILE_STEPS_MAX 2000
#define DOCKERFILE_STAGES_MAX 200
#define DOCKERFILE_WORDS_MAX 4096
#define DOCKERFILE_MOUNTS_MAX 16
#define DOCKERFILE_SCRATCH "scratch"

enum docker_op {
	DOCKER_ADD = 1,
	DOCKER_ARG,
	DOCKER_CMD,
	DOCKER_COPY,
	DOCKER_ENTRYPOINT,
	DOCKER_ENV,
	DOCKER_EXPOSE,
	DOCKER_FROM,
	DOCKER_HEALTHCHECK,
	DOCKER_LABEL,
	DOCKER_MAINTAINER,
	DOCKER_ONBUILD,
	DOCKER_RUN,
	DOCKER_SHELL,
	DOCKER_STOPSIGNAL,
	DOCKER_USER,
	DOCKER_VOLUME,
	DOCKER_WORKDIR,
};

/* A file that stands in the Dockerfile itself. */
struct docker_doc {
	char *name; /* the word that ended it: what COPY names the file */
	char *text;
	bool expand; /* its variables are replaced */
};

struct docker_step {
	enum docker_op op;
	unsigned line, column;
	char *text;            /* as it was written, on one line, for people */
	struct strvec options; /* "chown=1:2", "link", "mount=..." in order */
	/* The arguments, not yet expanded. ENV, LABEL, ARG: "KEY=VALUE" (ARG also "KEY"). CMD,
	 * ENTRYPOINT, RUN: the words when `exec`, else one line for the shell. HEALTHCHECK:
	 * "NONE", or the words of its CMD. COPY and ADD: sources, then the destination. */
	struct strvec words;
	bool exec; /* written as a JSON list */
	struct docker_doc *docs;
	size_t n_docs;
};

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

/* `RUN --mount`. Values are not yet expanded. */
struct docker_mount {
	enum docker_mount_type {
		DOCKER_MOUNT_BIND = 1,
		DOCKER_MOUNT_CACHE,
		DOCKER_MOUNT_SECRET,
		DOCKER_MOUNT_TMPFS,
	} type;
	char *id, *from, *source, *target, *env; /* NULL: not said */
	bool required;
};

void dockerfile_init(struct dockerfile *f);
void dockerfile_release(struct dockerfile *f);
#define _cleanup_dockerfile_ _cleanup_(dockerfile_release)

/* F is initialised. On failure it is empty. */
int dockerfile_parse(struct dockerfile *f, const char *data, size_t len, struct error *err);

/* One instruction that an image had for its children (ONBUILD). The caller releases it. */
int dockerfile_parse_trigger(const char *text, struct docker_step *out, struct error *err);
void docker_step_release(struct docker_step *step);

/* The value of option NAME, "" for one without a value, NULL when it is not there. */
const char *docker_step_option(const struct docker_step *step, const char *name);
/* The stage that NAME (a name, or a number when NUMBERS) means among the first N, or -1. */
long dockerfile_stage(const struct dockerfile *f, const char *name, size_t n, bool numbers);

/* TEXT is what `mount=` has. */
int docker_mount_parse(struct docker_mount *m, const char *text, struct error *err);
void docker_mount_release(struct docker_mount *m);
#define _cleanup_docker_mount_ _cleanup_(docker_mount_release)

/* "RUN" */
const char *docker_op_name(enum docker_op op);

#endif
