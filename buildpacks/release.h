/* SPDX-License-Identifier: MIT */
/*
 * What a buildpack's bin/release prints: YAML with default_process_types and config_vars (addons
 * are ignored). Aliases, nested values and anything past the limits are errors.
 */
#ifndef BUILDPACKS_RELEASE_H
#define BUILDPACKS_RELEASE_H

#include <stddef.h>

#include "base/error.h"
#include "base/strvec.h"

#define RELEASE_MAX (64u << 10)

struct release {
	struct strvec types; /* "TYPE=COMMAND": default process types */
	struct strvec env;   /* "KEY=VALUE": config vars */
};
#define RELEASE_INIT                                                                               \
	{                                                                                          \
		STRVEC_INIT, STRVEC_INIT                                                           \
	}

void release_release(struct release *r);
#define _cleanup_release_ _cleanup_(release_release)

/* Adds to R; a later entry of the same name wins. R is unspecified, but releasable, on failure. */
int release_parse(struct release *r, const char *text, size_t len, struct error *err);

#endif
