/* SPDX-License-Identifier: MIT */
#include "base/strbuf.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Shared by every empty strbuf, and never written but with the NUL that it holds already. */
char strbuf_empty_[1];

static void out_of_memory(void)
{
	static const char text[] = "out of memory\n";
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(1);
	abort();
}

void *xmalloc(size_t n)
{
	void *p = malloc(n ? n : 1);
	if (!p)
		out_of_memory();
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);
	if (!p)
		out_of_memory();
	return p;
}

void *xreallocarray(void *p, size_t n, size_t size)
{
	void *q = reallocarray(p, n ? n : 1, size ? size : 1);
	if (!q)
		out_of_memory();
	return q;
}

char *xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *xstrndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *copy = xmalloc(len + 1);
	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *xasprintf(const char *fmt, ...)
{
	struct strbuf sb = STRBUF_INIT;
	va_list ap;
	va_start(ap, fmt);
	strbuf_vaddf(&sb, fmt, ap);
	va_end(ap);
	return strbuf_detach(&sb);
}

void strbuf_init(struct strbuf *sb)
{
	*sb = (struct strbuf)STRBUF_INIT;
}

void strbuf_cap(struct strbuf *sb, size_t cap)
{
	sb->cap = cap;
}

void strbuf_release(struct strbuf *sb)
{
	if (sb->size)
		free(sb->data);
	size_t cap = sb->cap;
	strbuf_init(sb);
	sb->cap = cap;
}

void strbuf_reset(struct strbuf *sb)
{
	sb->len = 0;
	sb->overflow = false;
	if (sb->size)
		sb->data[0] = '\0';
}

void strbuf_truncate(struct strbuf *sb, size_t len)
{
	if (len >= sb->len)
		return;
	sb->len = len;
	sb->data[len] = '\0';
}

char *strbuf_grow(struct strbuf *sb, size_t n)
{
	if (n > SIZE_MAX / 4 - sb->len)
		out_of_memory();
	size_t need = sb->len + n + 1;
	if (need > sb->size) {
		size_t size = sb->size ? sb->size : 64;
		while (size < need)
			size *= 2;
		sb->data = xreallocarray(sb->size ? sb->data : NULL, size, 1);
		sb->size = size;
		sb->data[sb->len] = '\0';
	}
	return sb->data + sb->len;
}

void strbuf_grown(struct strbuf *sb, size_t n)
{
	sb->len += n;
	sb->data[sb->len] = '\0';
}

void strbuf_add(struct strbuf *sb, const void *data, size_t len)
{
	if (sb->cap && len > sb->cap - sb->len) {
		len = sb->cap - sb->len;
		sb->overflow = true;
	}
	if (len == 0)
		return;
	memcpy(strbuf_grow(sb, len), data, len);
	strbuf_grown(sb, len);
}

void strbuf_addstr(struct strbuf *sb, const char *s)
{
	strbuf_add(sb, s, strlen(s));
}

void strbuf_addch(struct strbuf *sb, char c)
{
	strbuf_add(sb, &c, 1);
}

void strbuf_vaddf(struct strbuf *sb, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n <= 0)
		return;
	size_t before = sb->len;
	vsnprintf(strbuf_grow(sb, (size_t)n), (size_t)n + 1, fmt, ap);
	strbuf_grown(sb, (size_t)n);
	if (sb->cap && sb->len > sb->cap) {
		strbuf_truncate(sb, before > sb->cap ? before : sb->cap);
		sb->overflow = true;
	}
}

void strbuf_addf(struct strbuf *sb, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	strbuf_vaddf(sb, fmt, ap);
	va_end(ap);
}

void strbuf_consume(struct strbuf *sb, size_t n)
{
	if (n == 0)
		return;
	if (n > sb->len)
		n = sb->len;
	memmove(sb->data, sb->data + n, sb->len - n + 1);
	sb->len -= n;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

void strbuf_trim(struct strbuf *sb)
{
	size_t end = sb->len, start = 0;
	while (end > 0 && is_space(sb->data[end - 1]))
		end--;
	strbuf_truncate(sb, end);
	while (start < sb->len && is_space(sb->data[start]))
		start++;
	strbuf_consume(sb, start);
}

char *strbuf_detach(struct strbuf *sb)
{
	char *s = sb->size ? sb->data : xstrdup("");
	size_t cap = sb->cap;
	strbuf_init(sb);
	sb->cap = cap;
	return s;
}

int strbuf_read_fd(struct strbuf *sb, int fd, struct error *err)
{
	char chunk[16384];
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, ERROR_SYSTEM, errno, "read");
		if (n == 0)
			return 0;
		strbuf_add(sb, chunk, (size_t)n);
	}
}

bool str_starts(const char *s, const char *prefix)
{
	return str_skip(s, prefix) != NULL;
}

const char *str_skip(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);
	return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

bool str_equal(const char *a, const char *b)
{
	if (!a || !b)
		return a == b;
	return strcmp(a, b) == 0;
}

int str_to_u64(const char *s, unsigned long long min, unsigned long long max,
	       unsigned long long *out)
{
	unsigned long long value = 0;
	if (!*s)
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -1;
		if (__builtin_mul_overflow(value, 10ULL, &value) ||
		    __builtin_add_overflow(value, (unsigned long long)(*s - '0'), &value))
			return -1;
	}
	if (value < min || value > max)
		return -1;
	*out = value;
	return 0;
}
