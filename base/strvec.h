/* SPDX-License-Identifier: MIT */
/*
 * A growing list of strings, NULL-terminated, so `v` can be handed to execve. It owns its strings.
 * `v` is never NULL.
 */
#ifndef BASE_STRVEC_H
#define BASE_STRVEC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct strvec {
	char **v;
	size_t n;
	size_t size; /* allocated pointers, 0 while `v` is the shared empty list */
};

extern char *strvec_empty_[];

#define STRVEC_INIT                                                                                \
	{                                                                                          \
		.v = strvec_empty_                                                                 \
	}

void strvec_init(struct strvec *sv);
void strvec_release(struct strvec *sv);
void strvec_push(struct strvec *sv, const char *s);
/* Takes S over. */
void strvec_push_take(struct strvec *sv, char *s);
void strvec_pushf(struct strvec *sv, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Appends every string of a NULL-terminated list. */
void strvec_push_all(struct strvec *sv, char *const *list);
void strvec_insert(struct strvec *sv, size_t at, const char *s);
void strvec_remove(struct strvec *sv, size_t at);
/* For lists of "KEY=VALUE": sets KEY, replacing an earlier one. */
void strvec_setenv(struct strvec *sv, const char *key, const char *value);
/* The value of KEY in such a list, or NULL; owned by the list. */
const char *strvec_getenv(const struct strvec *sv, const char *key);
bool strvec_has(const struct strvec *sv, const char *s);
void strvec_sort(struct strvec *sv);

#define _cleanup_strvec_ _cleanup_(strvec_release)

#endif
