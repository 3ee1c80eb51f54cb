/* SPDX-License-Identifier: MIT */
/*
 * Reading fields of a JSON document whose shape is known: the first one that is not what it should
 * be becomes the error, and what follows may be read all the same, so that a decoder needs to ask
 * once, at its end. Strings belong to the document.
 */
#ifndef RUNTIME_FIELDS_H
#define RUNTIME_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct fields {
	struct error *err;
	bool bad;
};

/* Reads a document of at most MAX bytes; its top is an object. The caller calls json_decref. */
int fields_load(const char *path, size_t max, json_t **out, struct error *err);

/* The first one is kept. */
void fields_bad(struct fields *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* NULL when PARENT is NULL or has none; null counts as none. */
json_t *fields_object(struct fields *f, json_t *parent, const char *key);
json_t *fields_array(struct fields *f, json_t *parent, const char *key);
const char *fields_string(struct fields *f, json_t *parent, const char *key);
bool fields_bool(struct fields *f, json_t *parent, const char *key);
/* Whether it is there; *out is as before when not. */
bool fields_number(struct fields *f, json_t *parent, const char *key, int64_t min, int64_t max,
		   int64_t *out);
/* Up to 2^64-1, which large enough numbers stand for, too. */
bool fields_u64(struct fields *f, json_t *parent, const char *key, uint64_t *out);
/* ITEM of the list NAME as a string; "" when it is none. */
const char *fields_text(struct fields *f, json_t *item, const char *name);
/* All of LIST, called NAME, as execve(2) wants them, with NULL at the end: none when LIST is NULL.
 * The caller frees the array. */
char **fields_texts(struct fields *f, json_t *list, const char *name);

#endif
