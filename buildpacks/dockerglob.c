/* SPDX-License-Identifier: MIT */
#include "buildpacks/dockerglob.h"

#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"

/* A pattern: each is a byte, or one of these. */
enum { ANY = 256, ONE };

struct glob {
	int tokens[DOCKERGLOB_PATTERN_MAX];
	size_t n;
};

static int read_pattern(struct glob *g, const char *pattern, size_t value_len, struct error *err)
{
	g->n = 0;
	if (value_len > DOCKERGLOB_VALUE_MAX)
		return error_set(err, ERROR_INVALID, 0,
				 "a value that a pattern is used on has at most %u bytes",
				 DOCKERGLOB_VALUE_MAX);
	for (const char *s = pattern; *s; s++) {
		if (g->n == DOCKERGLOB_PATTERN_MAX)
			return error_set(err, ERROR_INVALID, 0,
					 "a pattern of a variable has at most %d characters",
					 DOCKERGLOB_PATTERN_MAX);
		int token = *s == '*' ? ANY : *s == '?' ? ONE : 0;
		if (*s == '\\' && s[1])
			s++;
		g->tokens[g->n++] = token ? token : (unsigned char)*s;
	}
	return 0;
}

static int32_t better(int32_t a, int32_t b, bool longest)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return (a > b) == longest ? a : b;
}

/* For each place I of the LEN bytes that VALUE has: ends[i], where what G fits from there on ends,
 * or -1. From the end of the value to its begin, a row for each of its places. */
static void find_ends(const struct glob *g, const char *value, size_t len, bool longest,
		      int32_t *ends)
{
	int32_t rows[2][DOCKERGLOB_PATTERN_MAX + 1];

	for (size_t i = len + 1; i-- > 0;) {
		int32_t *row = rows[i % 2], *next = rows[(i + 1) % 2];
		row[g->n] = (int32_t)i;
		for (size_t j = g->n; j-- > 0;) {
			int token = g->tokens[j];
			int32_t on = -1;
			if (i < len && token == ANY)
				on = next[j];
			else if (i < len && (token == ONE || token == (unsigned char)value[i]))
				on = next[j + 1];
			row[j] = token == ANY ? better(row[j + 1], on, longest) : on;
		}
		ends[i] = row[0];
	}
}

static void turn(struct glob *g, char *value, size_t len)
{
	for (size_t i = 0; i < g->n / 2; i++) {
		int token = g->tokens[i];
		g->tokens[i] = g->tokens[g->n - 1 - i];
		g->tokens[g->n - 1 - i] = token;
	}
	for (size_t i = 0; i < len / 2; i++) {
		char c = value[i];
		value[i] = value[len - 1 - i];
		value[len - 1 - i] = c;
	}
}

int dockerglob_trim(const char *value, const char *pattern, bool end, bool longest,
		    struct strbuf *out, struct error *err)
{
	size_t len = strlen(value);
	struct glob g;

	if (read_pattern(&g, pattern, len, err) < 0)
		return -1;
	_cleanup_free_ char *copy = xstrdup(value);
	_cleanup_free_ int32_t *ends = xcalloc(len + 1, sizeof(*ends));
	if (end)
		turn(&g, copy, len);
	find_ends(&g, copy, len, longest, ends);
	size_t cut = ends[0] > 0 ? (size_t)ends[0] : 0;
	strbuf_add(out, end ? value : value + cut, len - cut);
	return 0;
}

int dockerglob_replace(const char *value, const char *pattern, const char *with, bool all,
		       struct strbuf *out, struct error *err)
{
	size_t len = strlen(value), i = 0;
	struct glob g;

	if (read_pattern(&g, pattern, len, err) < 0)
		return -1;
	_cleanup_free_ int32_t *ends = xcalloc(len + 1, sizeof(*ends));
	find_ends(&g, value, len, true, ends);
	while (i < len) {
		/* what fits nothing at all is no part */
		if (ends[i] <= (int32_t)i) {
			strbuf_addch(out, value[i++]);
			continue;
		}
		strbuf_addstr(out, with);
		i = (size_t)ends[i];
		if (!all)
			break;
	}
	strbuf_add(out, value + i, len - i);
	return 0;
}
