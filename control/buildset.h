/* SPDX-License-Identifier: MIT */
/*
 * The settings of builds, of an app or of the instance: one row each, which says what it means, how
 * a value looks, and what holds without one.
 *
 * Sizes are written as `resource:limit` takes them: a number of megabytes, or one with k, m or g
 * behind it.
 */
#ifndef CONTROL_BUILDSET_H
#define CONTROL_BUILDSET_H

#include "base/strbuf.h"
#include "control/app.h"
#include "control/context.h"
#include "runtime/spec.h"

struct buildset_row {
	const char *key;      /* "memory": as it is typed; kept as the setting "build-KEY" */
	const char *fallback; /* "2g" */
	const char *form;     /* what a value looks like, for the error */
	unsigned long long min, max;
	unsigned long long unit; /* of a bare number; 0: true or false */
};
/* Ends in a row without a key. */
extern const struct buildset_row buildset_rows[];

/* The row of KEY; ERROR_USAGE lists what there is. */
int buildset_find(const char *key, const struct buildset_row **out, struct error *err);
/* VALUE as a number in the row's smallest unit: bytes, thousandths of a core, seconds, pieces. */
int buildset_parse(const struct buildset_row *row, const char *value, unsigned long long *out,
		   struct error *err);
int buildset_set(struct context *c, int64_t app, const char *key, const char *value,
		 struct error *err);
/* The app's value, else the instance's, else the fallback. */
int buildset_text(struct context *c, int64_t app, const char *key, char **out, struct error *err);
int buildset_number(struct context *c, int64_t app, const char *key, unsigned long long *out,
		    struct error *err);
/* The caps of APP's builds. */
int buildset_limits(struct context *c, const struct app *app, struct spec_limits *out,
		    struct error *err);

#endif
