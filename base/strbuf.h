/* SPDX-License-Identifier: MIT */
/*
 * A growing byte string. `data` is never NULL and is always followed by a NUL that `len` does not
 * count, so it can be handed to C functions at any time; it may hold NUL bytes of its own.
 * A strbuf with a cap (strbuf_cap) takes no byte past it and remembers that it overflowed.
 * Running out of memory ends the process: no caller can do better.
 */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

struct strbuf {
	char *data;
	size_t len;
	size_t size;   /* allocated, 0 while `data` is the shared empty string */
	size_t cap;    /* most bytes it takes, 0: no limit */
	bool overflow; /* a byte was refused because of cap */
};

extern char strbuf_empty_[];

#define STRBUF_INIT                                                                                \
	{                                                                                          \
		.data = strbuf_empty_                                                              \
	}

void strbuf_init(struct strbuf *sb);
void strbuf_cap(struct strbuf *sb, size_t cap);
/* Frees the bytes; the strbuf is empty and usable afterwards. */
void strbuf_release(struct strbuf *sb);
/* Empties without freeing, and clears `overflow`. */
void strbuf_reset(struct strbuf *sb);
/* Cuts to LEN bytes, which must not be more than it has. */
void strbuf_truncate(struct strbuf *sb, size_t len);
void strbuf_add(struct strbuf *sb, const void *data, size_t len);
void strbuf_addstr(struct strbuf *sb, const char *s);
void strbuf_addch(struct strbuf *sb, char c);
void strbuf_addf(struct strbuf *sb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strbuf_vaddf(struct strbuf *sb, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
/* Removes N bytes from the front. */
void strbuf_consume(struct strbuf *sb, size_t n);
/* Removes white space at both ends. */
void strbuf_trim(struct strbuf *sb);
/* The bytes as a string that the caller frees; the strbuf is empty afterwards. */
char *strbuf_detach(struct strbuf *sb);
/* Makes room for N more bytes and gives the place for them: fill it, then strbuf_grown. */
char *strbuf_grow(struct strbuf *sb, size_t n);
void strbuf_grown(struct strbuf *sb, size_t n);
/* Appends all that FD gives until its end. */
int strbuf_read_fd(struct strbuf *sb, int fd, struct error *err);

#define _cleanup_strbuf_ _cleanup_(strbuf_release)

/* strdup and asprintf that never give NULL. */
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
/* An array of N elements of SIZE bytes; the product is checked. */
void *xreallocarray(void *p, size_t n, size_t size);

/* S starts with PREFIX; the second form gives the rest, or NULL. */
bool str_starts(const char *s, const char *prefix);
const char *str_skip(const char *s, const char *prefix);
bool str_equal(const char *a, const char *b); /* both may be NULL; NULL equals only NULL */
/* A whole decimal number from MIN to MAX; anything else fails and leaves *out alone. */
int str_to_u64(const char *s, unsigned long long min, unsigned long long max,
	       unsigned long long *out);

#endif
