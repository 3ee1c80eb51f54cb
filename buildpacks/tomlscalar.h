/* SPDX-License-Identifier: MIT */
/* The values of TOML that hold no others, and the quoted strings that keys may be. */
#ifndef BUILDPACKS_TOMLSCALAR_H
#define BUILDPACKS_TOMLSCALAR_H

#include <jansson.h>

#include "base/error.h"
#include "base/strbuf.h"

/* What is left to read. */
struct toml_text {
	const char *s, *end;
	unsigned line; /* of `s`, from 1 */
};

/* "line N: ..." */
int toml_bad(const struct toml_text *t, struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The quoted string that begins here into OUT (empty). MANY: it may be one of several lines. */
int toml_string(struct toml_text *t, bool many, struct strbuf *out, struct error *err);

/* A string, number, truth or date. */
int toml_scalar(struct toml_text *t, json_t **out, struct error *err);

#endif
