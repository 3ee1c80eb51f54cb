/* SPDX-License-Identifier: MIT */
/*
 * TOML 1.0 (toml.io) as jansson has JSON: what project.toml and buildpack.toml are written in. A
 * table becomes an object and a date a string of its letters; numbers that JSON has not (inf, nan)
 * become strings too. Errors name the line.
 */
#ifndef BUILDPACKS_TOML_H
#define BUILDPACKS_TOML_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

#define TOML_TABLES_MAX 2000 /* tables and arrays of one text */
#define TOML_DEPTH_MAX 32    /* parts of a key, and values within values */

/* The table that TEXT is; the caller has it (json_decref). ERROR_INVALID when it is no TOML or goes
 * past a maximum. */
int toml_parse(const char *text, size_t len, json_t **out, struct error *err);

#endif
