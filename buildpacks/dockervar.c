/* SPDX-License-Identifier: MIT */
#include "buildpacks/dockervar.h"

#include <ctype.h>
#include <string.h>

#include "buildpacks/dockerglob.h"

#define DEPTH_MAX 16

struct reader {
	const struct dockervar *how;
	const char *word, *at;
	unsigned depth;
	bool raw; /* escapes stay, for a pattern */
	size_t failed_at;
	struct error *err;
};

static int wrong(struct reader *r, const char *at, const char *what)
{
	r->failed_at = (size_t)(at - r->word);
	return error_set(r->err, ERROR_INVALID, 0, "%s", what);
}

static bool is_name(char c, bool first)
{
	return c == '_' || isalpha((unsigned char)c) || (!first && isdigit((unsigned char)c));
}

static int read_until(struct reader *r, char stop, struct strbuf *out);

static const char *value_of(const struct reader *r, const char *name)
{
	return r->how->vars ? strvec_getenv(r->how->vars, name) : NULL;
}

/* What stands up to STOP, which is skipped, as a pattern when RAW. */
static int read_part(struct reader *r, char stop, bool raw, const char *dollar, struct strbuf *out)
{
	bool before = r->raw;

	strbuf_cap(out, DOCKERVAR_VALUE_MAX);
	r->raw = raw;
	int result = read_until(r, stop, out);
	r->raw = before;
	if (result < 0)
		return -1;
	if (*r->at != stop)
		return stop == '}' ? wrong(r, dollar, "'${' has no '}'")
				   : wrong(r, dollar,
					   "'${' has no second '/': expected ${NAME/PATTERN/TEXT}");
	r->at++;
	return 0;
}

/* ${NAME#PATTERN}, ${NAME%PATTERN}, ${NAME/PATTERN/TEXT}, and with a doubled sign: `at` is on it.
 */
static int read_change(struct reader *r, const char *value, const char *dollar, struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf pattern = STRBUF_INIT, with = STRBUF_INIT;
	char op = *r->at++;
	bool doubled = *r->at == op;

	r->at += doubled;
	if (read_part(r, op == '/' ? '/' : '}', true, dollar, &pattern) < 0 ||
	    (op == '/' && read_part(r, '}', false, dollar, &with) < 0))
		return -1;
	r->failed_at = (size_t)(dollar - r->word);
	if (!value)
		return 0;
	if (op == '/')
		return dockerglob_replace(value, pattern.data, with.data, doubled, out, r->err);
	return dockerglob_trim(value, pattern.data, op == '%', doubled, out, r->err);
}

/* What follows the name in braces: `at` is on "}", "-", "+", "?", ":", "#", "%" or "/". */
static int read_modifier(struct reader *r, const char *name, const char *dollar, struct strbuf *out)
{
	const char *value = value_of(r, name);
	bool colon = *r->at == ':';
	_cleanup_strbuf_ struct strbuf word = STRBUF_INIT;
	const char *begin = r->at;

	if (*r->at == '}') {
		r->at++;
		strbuf_addstr(out, value ? value : "");
		return 0;
	}
	r->at += colon;
	char op = *r->at;
	if (!op)
		return wrong(r, dollar, "'${' has no '}'");
	if (!colon && strchr("#%/", op))
		return read_change(r, value, dollar, out);
	if (op != '-' && op != '+' && op != '?')
		return wrong(r, begin,
			     "expected one of } - + ? :- :+ :? # ## % %% / // after the variable");
	r->at++;
	if (read_part(r, '}', r->raw, dollar, &word) < 0)
		return -1;
	bool there = value && (!colon || *value);
	if (op == '+')
		strbuf_addstr(out, there ? word.data : "");
	else if (there)
		strbuf_addstr(out, value);
	else if (op == '-')
		strbuf_addstr(out, word.data);
	else if (!r->how->check) {
		r->failed_at = (size_t)(dollar - r->word);
		return error_set(r->err, ERROR_INVALID, 0, "variable '%.80s': %.400s", name,
				 word.len ? word.data : "is not set");
	}
	return 0;
}

static int read_variable(struct reader *r, struct strbuf *out)
{
	const char *dollar = r->at++;
	bool braces = *r->at == '{';
	const char *begin = r->at + braces, *end = begin;

	while (is_name(*end, end == begin))
		end++;
	if (end == begin) {
		if (braces)
			return wrong(r, dollar, "'${' has no name of a variable behind it");
		/* a dollar alone, or "$1": as it is */
		strbuf_addch(out, '$');
		return 0;
	}
	_cleanup_free_ char *name = xstrndup(begin, (size_t)(end - begin));
	r->at = end;
	if (!braces) {
		const char *value = value_of(r, name);
		strbuf_addstr(out, value ? value : "");
		return 0;
	}
	if (!*end)
		return wrong(r, dollar, "'${' has no '}'");
	if (r->depth == DEPTH_MAX)
		return wrong(r, dollar, "variables are nested too deeply");
	r->depth++;
	int result = read_modifier(r, name, dollar, out);
	r->depth--;
	return result;
}

static int read_single(struct reader *r, struct strbuf *out)
{
	const char *close = strchr(r->at + 1, '\'');

	if (!close)
		return wrong(r, r->at, "the quote has no end");
	strbuf_add(out, r->at + 1, (size_t)(close - r->at - 1));
	r->at = close + 1;
	return 0;
}

static int read_double(struct reader *r, struct strbuf *out)
{
	const char *begin = r->at++;

	while (*r->at != '"') {
		if (!*r->at)
			return wrong(r, begin, "the quote has no end");
		if (*r->at == '$') {
			if (read_variable(r, out) < 0)
				return -1;
			continue;
		}
		if (*r->at == r->how->escape && r->at[1] && strchr("\"$", r->at[1]))
			r->at++;
		else if (*r->at == r->how->escape && r->at[1] == r->how->escape)
			r->at++;
		strbuf_addch(out, *r->at++);
	}
	r->at++;
	return 0;
}

static int read_until(struct reader *r, char stop, struct strbuf *out)
{
	bool quotes = !r->how->keep_quotes;

	while (*r->at && *r->at != stop) {
		int result = 0;
		if (*r->at == '$') {
			result = read_variable(r, out);
		} else if (quotes && *r->at == '\'') {
			result = read_single(r, out);
		} else if (quotes && *r->at == '"') {
			result = read_double(r, out);
		} else {
			bool escaped = *r->at == r->how->escape && r->at[1] &&
				       (quotes || r->raw || r->at[1] == '$');
			r->at += escaped;
			if (escaped && r->raw)
				strbuf_addch(out, '\\');
			strbuf_addch(out, *r->at++);
		}
		if (result < 0)
			return -1;
		if (out->overflow)
			return wrong(r, r->at, "the value is longer than a megabyte");
	}
	return 0;
}

int dockervar_expand(const struct dockervar *how, const char *word, struct strbuf *out,
		     size_t *out_at, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct reader r = {.how = how, .word = word, .at = word, .err = err};

	strbuf_cap(&text, DOCKERVAR_VALUE_MAX);
	if (read_until(&r, '\0', &text) < 0) {
		*out_at = r.failed_at;
		return -1;
	}
	strbuf_add(out, text.data, text.len);
	return 0;
}

size_t dockervar_word(const char *s, char escape)
{
	size_t i = 0;

	for (char quote = '\0'; s[i] && (quote || !isspace((unsigned char)s[i])); i++) {
		if (s[i] == escape && s[i + 1] && quote != '\'') {
			i++;
		} else if (quote) {
			quote = s[i] == quote ? '\0' : quote;
		} else if (s[i] == '\'' || s[i] == '"') {
			quote = s[i];
		}
	}
	return i;
}
