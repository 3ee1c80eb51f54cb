/* SPDX-License-Identifier: MIT */
/*
 * What commands list or report: built once as JSON, printed as JSON or as columns for people, so
 * that both always say the same.
 */
#ifndef CONTROL_LISTING_H
#define CONTROL_LISTING_H

#include <jansson.h>

#include "control/command.h"

/* A list of objects: with --format json the array; otherwise a header line and a row of COLUMNS
 * (keys, NULL-terminated; the titles are the keys in upper case) for each. Takes ROWS over. */
void listing_table(struct context *c, const struct request *rq, const char *header, json_t *rows,
		   const char *const *columns);
/* One object: with --format json the object; otherwise "=====> HEADER" and "       Key:  value"
 * lines. Takes OBJECT over. */
void listing_report(struct context *c, const struct request *rq, const char *header,
		    json_t *object);
/* As listing_report, for "GROUP:report": an option "--KEY" that was given prints that value only.
 * Takes OBJECT over. */
void listing_properties(struct context *c, const struct request *rq, const char *app,
			const char *group, json_t *object);
/* The same where the keys are not known before, and options are "--PREFIX*": one that is no key
 * fails. */
int listing_flags(struct context *c, const struct request *rq, const char *app, const char *group,
		  json_t *object, struct error *err);
/* Prints DOCUMENT as JSON; takes it over. */
void listing_json(struct context *c, json_t *document);

/* A string that may not be UTF-8, made so. */
json_t *listing_text(const char *s);
/* Unix microseconds as RFC 3339 without fraction; null for 0. */
json_t *listing_time(int64_t unix_us);

#endif
