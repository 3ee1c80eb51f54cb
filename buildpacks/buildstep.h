/* SPDX-License-Identifier: MIT */
/* One build container: the driver script runs detect, compile and release of the packs in it. */
#ifndef BUILDPACKS_BUILDSTEP_H
#define BUILDPACKS_BUILDSTEP_H

#include <stdbool.h>

#include "base/error.h"
#include "buildpacks/builder.h"
#include "buildpacks/pack.h"
#include "buildpacks/report.h"
#include "buildpacks/stage.h"
#include "runtime/client.h"

struct buildstep {
	const struct packs *packs;
	struct strvec layers; /* topmost first */
	const char *upper;    /* the new layer; kept uncommitted on success, removed on failure */
	const struct stage *env;    /* ENV_DIR */
	const struct stage *inputs; /* the app is these files only; NULL: the whole source */
	bool more;                  /* its inputs were compiled into one of the layers before */
	bool filtered;              /* project.toml says which files are part of the app */
};

/* The caps of each container of a build. */
struct spec_limits buildstep_limits(const struct build *b);
/* It ended by itself with status 0, within its limits. */
bool buildstep_went_well(const struct runtime_result *result);
/* The limit that ended a container of B's, in words ("took longer than 30 minutes"), which the
 * caller frees; NULL when none did. */
char *buildstep_limit_hit(const struct build *b, const struct runtime_result *result);
/* Adds to ERR that some processes were not made, which need not be why it failed. */
void buildstep_add_refused(const struct build *b, const struct runtime_result *result,
			   struct error *err);

int buildstep_run(const struct build *b, const struct buildstep *step, struct report *out,
		  struct error *err);

#endif
