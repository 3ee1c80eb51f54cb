/* SPDX-License-Identifier: MIT */
/*
 * What compiling an app's inputs (its lock file and the like) gave, kept as lib/builds/KEY.json:
 * the layer with the dependencies, the default processes, and whether compile needs the whole
 * source on top. KEY is a hash of all that went in, so the same inputs need no container again.
 */
#ifndef BUILDPACKS_OUTCOME_H
#define BUILDPACKS_OUTCOME_H

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "buildpacks/defaults.h"
#include "instance/instance.h"

struct outcome {
	char *layer; /* its id; the layer may have been removed since */
	char *title; /* what bin/detect printed */
	bool whole;
	struct defaults defaults;
};
#define OUTCOME_INIT                                                                               \
	{                                                                                          \
		.defaults = DEFAULTS_INIT                                                          \
	}

void outcome_release(struct outcome *o);
#define _cleanup_outcome_ _cleanup_(outcome_release)

int outcome_save(const struct instance *inst, const char *key, const struct outcome *o,
		 struct error *err);
/* ERROR_NOT_FOUND when there is none. O must be empty. */
int outcome_load(const struct instance *inst, const char *key, struct outcome *o,
		 struct error *err);

#endif
