/* SPDX-License-Identifier: MIT */
/*
 * What a buildpack's bin/release prints: YAML with default_process_types and config_vars (addons
 * are ignored). Aliases, nested values and anything past the limits are errors.
 */
#ifndef BUILDPACKS_DEFAULTS_H
#define BUILDPACKS_DEFAULTS_H

#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strvec.h"

#define DEFAULTS_MAX (64u << 10)

struct defaults {
	struct strvec types; /* "TYPE=COMMAND": default process types */
	struct strvec env;   /* "KEY=VALUE": config vars */
};
#define DEFAULTS_INIT                                                                              \
	{                                                                                          \
		STRVEC_INIT, STRVEC_INIT                                                           \
	}

void defaults_release(struct defaults *r);
#define _cleanup_defaults_ _cleanup_(defaults_release)

/* Adds to R; a later entry of the same name wins. R is unspecified, but releasable, on failure. */
int defaults_parse(struct defaults *r, const char *text, size_t len, struct error *err);

#endif
