/* SPDX-License-Identifier: MIT */
/*
 * What ${NAME#PATTERN} and its kin do to a value: "*" fits any bytes, "?" one, "\" takes the
 * meaning of what follows it. A tenant wrote both: time is the product of their lengths, which are
 * bounded.
 */
#ifndef BUILDPACKS_DOCKERGLOB_H
#define BUILDPACKS_DOCKERGLOB_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strbuf.h"

#define DOCKERGLOB_VALUE_MAX (64u << 10)
#define DOCKERGLOB_PATTERN_MAX 256

/* Appends VALUE to OUT without its begin, or END, that PATTERN fits: the LONGEST such, or the
 * shortest. */
int dockerglob_trim(const char *value, const char *pattern, bool end, bool longest,
		    struct strbuf *out, struct error *err);
/* Appends VALUE with WITH for the first part, or ALL, that PATTERN fits, each the longest. */
int dockerglob_replace(const char *value, const char *pattern, const char *with, bool all,
		       struct strbuf *out, struct error *err);

#endif
