/* SPDX-License-Identifier: MIT */
/*
 * What an app's builds keep for the next one, /cache in their containers. It is the app's and
 * root's, and not looked into from outside: whether anything may be in it is noted in lib/builds.
 */
#ifndef BUILDPACKS_CACHE_H
#define BUILDPACKS_CACHE_H

#include <stdbool.h>

#include "base/error.h"
#include "instance/instance.h"

/* Whether no build has had the cache ID so far. */
bool cache_is_empty(const struct instance *inst, const char *id);

/* A build is about to have it. */
int cache_note(const struct instance *inst, const char *id, struct error *err);
/* It is gone, and its app too. */
void cache_forget(const struct instance *inst, const char *id);

#endif
