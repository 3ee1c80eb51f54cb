/* SPDX-License-Identifier: MIT */
/*
 * What the last builds of each app's Dockerfile used, so that it is kept: lib/dockerfiles/APP, a
 * layer a line, or IMAGEKEPT_CACHE and the id of a cache of RUN --mount=type=cache, or
 * IMAGEKEPT_DIGEST, what was copied from where, "/" and the digest of that.
 */
#ifndef BUILDPACKS_IMAGEKEPT_H
#define BUILDPACKS_IMAGEKEPT_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"

#define IMAGEKEPT_CACHE "cache/"
#define IMAGEKEPT_DIGEST "digest/"

/* Notes what a build of APP USED. What earlier ones used stays, in USED too, when this one FAILED,
 * and their caches always, since those are found by nothing else. */
int imagekept_note(const struct instance *inst, const char *app, struct strvec *used, bool failed,
		   struct error *err);
/* Appends what the last builds of APP used. */
int imagekept_load(const struct instance *inst, const char *app, struct strvec *out,
		   struct error *err);
/* Appends the layers that the last builds of all apps used. */
int imagekept_list(const struct instance *inst, struct strvec *out, struct error *err);
/* Forgets those of APP, and empties its caches. */
void imagekept_forget(const struct instance *inst, const char *app);

#endif
