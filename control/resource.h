/* SPDX-License-Identifier: MIT */
/*
 * What processes may use and what is kept for them: settings of an app, or of the instance, for
 * every process type or for one. A type's own value holds before that for all types, the app's
 * before the instance's, key by key; without any it is the runtime's default (berth.conf(5),
 * [runtime]). One-offs are of type "run", the release command of type "release".
 *
 * The type "build" stands for the app's builds, whose limits are settings of `builds:set`.
 */
#ifndef CONTROL_RESOURCE_H
#define CONTROL_RESOURCE_H

#include <stdbool.h>

#include "base/strvec.h"
#include "control/app.h"
#include "control/context.h"
#include "control/quantity.h"
#include "runtime/spec.h"

#define RESOURCE_EVERY_TYPE "_default_"
#define RESOURCE_BUILD "build"

enum resource_kind {
	RESOURCE_LIMIT,
	RESOURCE_RESERVE,
};

struct resource_row {
	const char *key; /* "memory" */
	struct quantity quantity;
	bool reserve; /* it can be reserved too */
};
/* Ends in a row without a key. */
extern const struct resource_row resource_rows[];

/* "limit" or "reserve" */
const char *resource_kind_name(enum resource_kind kind);
bool resource_has(const struct resource_row *row, enum resource_kind kind, const char *type);

/* VALUE NULL clears. APP 0 is the instance. */
int resource_set(struct context *c, int64_t app, enum resource_kind kind, const char *type,
		 const struct resource_row *row, const char *value, struct error *err);
/* As it is set there, or NULL; the caller frees it. */
int resource_own(struct context *c, int64_t app, enum resource_kind kind, const char *type,
		 const struct resource_row *row, char **out, struct error *err);
/* The types that APP runs or has a setting for, "_default_" first. */
int resource_types(struct context *c, int64_t app, struct strvec *out, struct error *err);

/* Fills in what is set for processes of TYPE; the rest of *OUT stays as it is. */
int resource_limits(struct context *c, int64_t app, const char *type, struct spec_limits *out,
		    struct error *err);

#endif
