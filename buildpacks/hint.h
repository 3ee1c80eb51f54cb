/* SPDX-License-Identifier: MIT */
/*
 * What to do about the common reasons for which a build or a start fails: a table of data in
 * hint.c, one row each, held against what Berth says and what the failing step printed last.
 * The printed text is a tenant's; it is only searched, in time linear in its length, and no part
 * of it goes into a hint.
 */
#ifndef BUILDPACKS_HINT_H
#define BUILDPACKS_HINT_H

#include <stddef.h>

#include "base/error.h"

enum hint_when {
	HINT_BUILD = 1, /* a buildpack ran */
	HINT_LAYER = 2, /* Debian packages were being installed */
	HINT_START = 4, /* a process of a release started, or did not */
	HINT_STEP = 8,  /* a command of the app's own ran before or after that */
	HINT_RUN = 16,  /* a RUN of a Dockerfile */
};

/* A pattern is what must be in one line: pieces that "*" parts come in this order, and "|" parts
 * alternatives. */
struct hint {
	const char *name;    /* unique: "npm-lock" */
	unsigned when;       /* of enum hint_when */
	const char *said;    /* pattern for Berth's own message; NULL: any */
	const char *printed; /* pattern for what the step printed; NULL: anything */
	const char *text;    /* what is the matter and what to do: lower case, no full stop */
};

/* The first row that fits, or NULL. PRINTED may be NULL. */
const struct hint *hint_find(enum hint_when when, const char *said, const char *printed);

/* Appends "; HINT" to the message of ERR, an error that is set, when a row fits. Returns -1, so
 * that it can end a failing function. */
int hint_add(enum hint_when when, const char *printed, struct error *err);

/* The table, for those who want to see all rows. */
const struct hint *hint_rows(size_t *out_n);

#endif
