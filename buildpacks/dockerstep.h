/* SPDX-License-Identifier: MIT */
/*
 * One instruction of a Dockerfile, with its options and arguments: unknown ones, forms that are not
 * known and words that are not well formed are errors with line and column.
 */
#ifndef BUILDPACKS_DOCKERSTEP_H
#define BUILDPACKS_DOCKERSTEP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strvec.h"
#include "buildpacks/dockerline.h"

#define DOCKERSTEP_WORDS_MAX 4096

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
	 * "NONE", or the words of its CMD. ONBUILD: the text of its instruction, with heredocs.
	 * COPY and ADD: sources, then the destination. */
	struct strvec words;
	bool exec; /* written as a JSON list */
	struct docker_doc *docs;
	size_t n_docs;
};

#define DOCKER_STEP_INIT                                                                           \
	{                                                                                          \
		.options = STRVEC_INIT, .words = STRVEC_INIT                                       \
	}

/* Reads LINE into STEP, which is empty, and is to be released even after a failure. What stands in
 * the file behind the line (heredocs) is taken from LINES. */
int docker_step_read(struct docker_step *step, struct dockerlines *lines,
		     const struct dockerline *line, char escape, struct error *err);
/* One instruction that an image had for its children (ONBUILD). The caller releases it. */
int docker_step_trigger(const char *text, struct docker_step *out, struct error *err);
void docker_step_release(struct docker_step *step);
#define _cleanup_docker_step_ _cleanup_(docker_step_release)

/* The value of option NAME, "" for one without a value, NULL when it is not there. */
const char *docker_step_option(const struct docker_step *step, const char *name);
/* Whether the option NAME of STEP, one that may be without a value, is there and not "false". */
bool docker_step_flag(const struct docker_step *step, const char *name, bool otherwise);
/* "RUN" */
const char *docker_op_name(enum docker_op op);

#endif
