/* SPDX-License-Identifier: MIT */
/*
 * Runtime layers: Debian packages installed on a stack, made once per list and shared by all apps.
 * A layer's id is a hash of the stack, the sorted list, the scripts that complete it and the recipe
 * (share/berth/buildpacks/driver/layer), so that a changed input is another layer. Two builds that
 * need the same one make it once: the second waits for the lock run/locks/layer-ID.
 */
#ifndef BUILDPACKS_LAYERSET_H
#define BUILDPACKS_LAYERSET_H

#include "base/error.h"
#include "base/strvec.h"
#include "buildpacks/pack.h"
#include "buildpacks/pump.h"
#include "instance/instance.h"

/* Makes sure of the layer that PACKS and the further packages EXTRA need to run on the layer STACK
 * and gives its id, or NULL when they need none; the caller frees *out. Progress goes to the user.
 */
int layerset_ensure(const struct instance *inst, const char *stack, const struct packs *packs,
		    const struct strvec *extra, const struct pump *user, char **out,
		    struct error *err);

/* The same for what PACKS need only to build, and with those from elsewhere [packages] pack-tools;
 * it lies on RUNTIME (NULL: none), which lies on STACK. */
int layerset_ensure_tools(const struct instance *inst, const char *stack, const char *runtime,
			  const struct packs *packs, const struct pump *user, char **out,
			  struct error *err);

/* Adds the package names of an Aptfile (one a line, "#" comments) to OUT. Options, URLs and
 * repositories, which heroku-buildpack-apt knows, are refused with their line. */
int layerset_parse_aptfile(const char *text, struct strvec *out, struct error *err);

#endif
