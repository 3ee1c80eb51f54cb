/* SPDX-License-Identifier: MIT */
#include "base/strvec.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

char *strvec_empty_[1];

void strvec_init(struct strvec *sv)
{
	*sv = (struct strvec)STRVEC_INIT;
}

void strvec_release(struct strvec *sv)
{
	for (size_t i = 0; i < sv->n; i++)
		free(sv->v[i]);
	if (sv->size)
		free(sv->v);
	strvec_init(sv);
}

static void grow(struct strvec *sv)
{
	if (sv->n + 2 <= sv->size)
		return;
	size_t size = sv->size ? sv->size * 2 : 8;
	sv->v = xreallocarray(sv->size ? sv->v : NULL, size, sizeof(*sv->v));
	sv->size = size;
}

void strvec_push_take(struct strvec *sv, char *s)
{
	grow(sv);
	sv->v[sv->n++] = s;
	sv->v[sv->n] = NULL;
}

void strvec_push(struct strvec *sv, const char *s)
{
	strvec_push_take(sv, xstrdup(s));
}

void strvec_pushf(struct strvec *sv, const char *fmt, ...)
{
	struct strbuf sb = STRBUF_INIT;
	va_list ap;
	va_start(ap, fmt);
	strbuf_vaddf(&sb, fmt, ap);
	va_end(ap);
	strvec_push_take(sv, strbuf_detach(&sb));
}

void strvec_push_all(struct strvec *sv, char *const *list)
{
	for (; *list; list++)
		strvec_push(sv, *list);
}

void strvec_insert(struct strvec *sv, size_t at, const char *s)
{
	char *copy = xstrdup(s);
	grow(sv);
	memmove(sv->v + at + 1, sv->v + at, (sv->n - at + 1) * sizeof(*sv->v));
	sv->v[at] = copy;
	sv->n++;
	sv->v[sv->n] = NULL;
}

void strvec_remove(struct strvec *sv, size_t at)
{
	free(sv->v[at]);
	memmove(sv->v + at, sv->v + at + 1, (sv->n - at) * sizeof(*sv->v));
	sv->n--;
}

static size_t find_env(const struct strvec *sv, const char *key)
{
	size_t len = strlen(key);
	for (size_t i = 0; i < sv->n; i++)
		if (strncmp(sv->v[i], key, len) == 0 && sv->v[i][len] == '=')
			return i;
	return sv->n;
}

void strvec_setenv(struct strvec *sv, const char *key, const char *value)
{
	char *pair = xasprintf("%s=%s", key, value);
	size_t at = find_env(sv, key);
	if (at == sv->n) {
		strvec_push_take(sv, pair);
		return;
	}
	free(sv->v[at]);
	sv->v[at] = pair;
}

const char *strvec_getenv(const struct strvec *sv, const char *key)
{
	size_t at = find_env(sv, key);
	return at == sv->n ? NULL : sv->v[at] + strlen(key) + 1;
}

bool strvec_has(const struct strvec *sv, const char *s)
{
	for (size_t i = 0; i < sv->n; i++)
		if (strcmp(sv->v[i], s) == 0)
			return true;
	return false;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strvec_sort(struct strvec *sv)
{
	if (sv->n > 1)
		qsort(sv->v, sv->n, sizeof(*sv->v), compare);
}
