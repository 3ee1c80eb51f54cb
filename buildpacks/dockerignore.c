/* SPDX-License-Identifier: MIT */
#include "buildpacks/dockerignore.h"

#include <string.h>

#include "base/strbuf.h"

void dockerignore_release(struct dockerignore *ignore)
{
	strvec_release(&ignore->patterns);
	ignore->takes_back = false;
}

/* "/a/./b//" as "a/b"; ".." takes a part away, as path.Clean of Docker's does. */
static void clean(const char *s, size_t len, struct strbuf *out)
{
	while (len > 0) {
		size_t n = 0;
		while (n < len && s[n] != '/')
			n++;
		if (n == 2 && s[0] == '.' && s[1] == '.') {
			const char *slash = strrchr(out->data, '/');
			strbuf_truncate(out, slash ? (size_t)(slash - out->data) : 0);
		} else if (n > 0 && !(n == 1 && s[0] == '.')) {
			if (out->len > 0)
				strbuf_addch(out, '/');
			strbuf_add(out, s, n);
		}
		s += n + (n < len);
		len -= n + (n < len);
	}
}

/* '!': what PATTERN fits is taken back. */
static int take_mark(struct strbuf *pattern, unsigned line, bool *back, struct error *err)
{
	if (pattern->data[0] != '!')
		return 0;
	*back = true;
	strbuf_consume(pattern, 1);
	return pattern->len ? 0
			    : error_set(err, ERROR_INVALID, 0, "line %u: '!' has no pattern", line);
}

static int add_line(struct dockerignore *ignore, const char *s, size_t len, unsigned line,
		    struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT, path = STRBUF_INIT;
	bool back = false;

	if (len > 0 && s[0] == '#')
		return 0;
	strbuf_add(&text, s, len);
	strbuf_trim(&text);
	if (take_mark(&text, line, &back, err) < 0)
		return -1;
	strbuf_trim(&text);
	clean(text.data, text.len, &path);
	if (path.len == 0)
		return 0;
	/* Docker looks for it again in the cleaned pattern: "/!a" takes back too */
	if (!back && take_mark(&path, line, &back, err) < 0)
		return -1;
	if (path.len > DOCKERIGNORE_PATTERN_MAX)
		return error_set(err, ERROR_INVALID, 0, "line %u: is longer than %d bytes", line,
				 DOCKERIGNORE_PATTERN_MAX);
	if (ignore->patterns.n == DOCKERIGNORE_PATTERNS_MAX)
		return error_set(err, ERROR_INVALID, 0, "line %u: more than %d patterns", line,
				 DOCKERIGNORE_PATTERNS_MAX);
	strvec_pushf(&ignore->patterns, "%s%s", back ? "!" : "", path.data);
	ignore->takes_back |= back;
	return 0;
}

int dockerignore_parse(struct dockerignore *ignore, const char *text, size_t len, struct error *err)
{
	if (len > DOCKERIGNORE_FILE_MAX)
		return error_set(err, ERROR_INVALID, 0, "is %zu bytes long, at most %u are allowed",
				 len, DOCKERIGNORE_FILE_MAX);
	if (memchr(text, '\0', len))
		return error_set(err, ERROR_INVALID, 0, "has a NUL byte");
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	for (unsigned line = 1; len > 0; line++) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;
		if (add_line(ignore, text, n, line, err) < 0)
			return -1;
		n += end != NULL;
		text += n;
		len -= n;
	}
	return 0;
}

bool dockerignore_has(const struct dockerignore *ignore, const char *path)
{
	bool left_out = false;

	for (size_t i = 0; i < ignore->patterns.n; i++) {
		const char *p = ignore->patterns.v[i];
		bool back = *p == '!';
		/* only what would change the answer is looked at */
		if (left_out == back && dockerignore_match(p + back, path, true))
			left_out = !back;
	}
	return left_out;
}

/* The class that P begins with ("[a-z]"): whether C is in it; *out_len is its length, 0 when it has
 * no end. */
static bool in_class(const char *p, char c, size_t *out_len)
{
	size_t i = 1;
	bool turned = p[i] == '^' || p[i] == '!', found = false;

	for (i += turned; p[i] && p[i] != ']';) {
		i += p[i] == '\\' && p[i + 1];
		char low = p[i++], high = low;
		if (p[i] == '-' && p[i + 1] && p[i + 1] != ']') {
			i++;
			i += p[i] == '\\' && p[i + 1];
			high = p[i++];
		}
		found |= (unsigned char)c >= (unsigned char)low &&
			 (unsigned char)c <= (unsigned char)high;
	}
	*out_len = p[i] ? i + 1 : 0;
	return found != turned && c != '/';
}

/* What a star that P begins with does to the places of PATH (n + 1) that the pattern has reached;
 * its length. */
static size_t star(const char *p, const char *path, size_t n, bool *at)
{
	bool two = p[1] == '*', folders = two && p[2] == '/', any = false;

	for (size_t i = 0; i <= n; i++) {
		bool here = at[i];
		if (i > 0 && any && (folders ? path[i - 1] == '/' : two || path[i - 1] != '/'))
			at[i] = true;
		else if (i > 0 && !two && path[i - 1] == '/')
			any = false;
		any |= here;
	}
	return folders ? 3 : two ? 2 : 1;
}

/* The same for anything else: one character of PATH. */
static size_t step(const char *p, const char *path, size_t n, bool *at)
{
	size_t len = 1;

	if (*p == '[')
		in_class(p, 'x', &len);
	else if (*p == '\\' && p[1])
		len = 2;
	bool class = *p == '[' && len > 0;
	len = len ? len : 1;
	for (size_t i = n; i-- > 0;) {
		size_t ignored;
		bool fits = class                   ? in_class(p, path[i], &ignored)
			    : *p == '?' && len == 1 ? path[i] != '/'
						    : path[i] == p[len - 1];
		at[i + 1] = at[i] && fits;
	}
	at[0] = false;
	return len;
}

bool dockerignore_match(const char *pattern, const char *path, bool parents)
{
	size_t n = strlen(path);
	_cleanup_free_ bool *at = xcalloc(n + 1, sizeof(*at));
	bool parent = false;

	at[0] = true;
	for (const char *p = pattern; *p;)
		p += *p == '*' ? star(p, path, n, at) : step(p, path, n, at);
	for (size_t i = 1; parents && i < n; i++)
		parent |= at[i] && path[i] == '/';
	return at[n] || parent;
}
