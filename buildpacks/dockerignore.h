/* SPDX-License-Identifier: MIT */
/*
 * .dockerignore: which files of an app's source no COPY sees. Also the patterns of COPY itself.
 * A tenant wrote them; matching takes time in the product of both lengths, never more.
 */
#ifndef BUILDPACKS_DOCKERIGNORE_H
#define BUILDPACKS_DOCKERIGNORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strvec.h"

#define DOCKERIGNORE_FILE_MAX (1u << 20)
#define DOCKERIGNORE_PATTERNS_MAX 4096
#define DOCKERIGNORE_PATTERN_MAX 1024

struct dockerignore {
	struct strvec patterns; /* cleaned, "!" before one that takes back */
	bool takes_back;        /* there is such a one */
};

#define DOCKERIGNORE_INIT                                                                          \
	{                                                                                          \
		.patterns = STRVEC_INIT                                                            \
	}

/* Adds the patterns of TEXT. Errors name the line. */
int dockerignore_parse(struct dockerignore *ignore, const char *text, size_t len,
		       struct error *err);
void dockerignore_release(struct dockerignore *ignore);
#define _cleanup_dockerignore_ _cleanup_(dockerignore_release)

/* Whether PATH ("a/b", relative to the source) is left out: the last pattern that fits it, or a
 * folder that it is in, decides. */
bool dockerignore_has(const struct dockerignore *ignore, const char *path);

/* Whether PATTERN fits PATH: "*" and "?" stop at "/", "**" does not, "[a-z]", "\" escapes. With
 * PARENTS, one that fits a folder fits all that is in it. */
bool dockerignore_match(const char *pattern, const char *path, bool parents);

#endif
