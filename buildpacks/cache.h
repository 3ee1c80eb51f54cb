/* SPDX-License-Identifier: MIT */
/*
 * What an app's builds keep for the next one, lib/cache/ID, /cache in their containers. It belongs
 * to the app: only its name and whether anything is in it are looked at from outside.
 */
#ifndef BUILDPACKS_CACHE_H
#define BUILDPACKS_CACHE_H

#include <stdbool.h>

#include "instance/instance.h"

/* Whether no build of the app has left anything in its cache ID. One that cannot be looked into is
 * taken for full. */
bool cache_is_empty(const struct instance *inst, const char *id);

#endif
