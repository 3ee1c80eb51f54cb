/* SPDX-License-Identifier: MIT */
#include "control/envfile.h"

#include <string.h>

#include "base/cleanup.h"
#include "control/config.h"

struct cursor {
	const char *p;
	unsigned line;
};

static char next(struct cursor *at)
{
	at->line += *at->p == '\n';
	return *at->p++;
}

static bool at_line_end(const struct cursor *at)
{
	return *at->p == '\0' || *at->p == '\n' || (*at->p == '\r' && at->p[1] == '\n');
}

static void skip_line(struct cursor *at)
{
	at->p += strcspn(at->p, "\n");
	if (*at->p)
		next(at);
}

/* What a backslash and C stand for between double quotes; a backslash before others stays. */
static void unescape(char c, struct strbuf *out)
{
	switch (c) {
	case 'n':
		strbuf_addch(out, '\n');
		break;
	case 'r':
		strbuf_addch(out, '\r');
		break;
	case 't':
		strbuf_addch(out, '\t');
		break;
	case '"':
	case '\\':
	case '$':
	case '`':
		strbuf_addch(out, c);
		break;
	default:
		strbuf_addch(out, '\\');
		strbuf_addch(out, c);
	}
}

/* The part that begins at the quote. */
static int take_quoted(struct cursor *at, struct strbuf *out, struct error *err)
{
	unsigned begin = at->line;
	char quote = next(at);

	while (*at->p && *at->p != quote) {
		char c = next(at);
		if (c == '\\' && quote == '"' && *at->p)
			unescape(next(at), out);
		else
			strbuf_addch(out, c);
	}
	if (!*at->p)
		return error_set(err, ERROR_INVALID, 0, "line %u: the quote is not closed", begin);
	next(at);
	return 0;
}

/* A value that begins with a quote: parts that touch, then at most a comment. */
static int take_parts(struct cursor *at, struct strbuf *out, struct error *err)
{
	while (!at_line_end(at) && *at->p != ' ' && *at->p != '\t') {
		if (*at->p == '\'' || *at->p == '"') {
			if (take_quoted(at, out, err) < 0)
				return -1;
			continue;
		}
		if (*at->p == '\\' && at->p[1] && at->p[1] != '\n')
			next(at);
		strbuf_addch(out, next(at));
	}
	at->p += strspn(at->p, " \t");
	if (!at_line_end(at) && *at->p != '#')
		return error_set(err, ERROR_INVALID, 0,
				 "line %u: after the closing quote comes something else", at->line);
	return 0;
}

static int take_pair(struct cursor *at, struct strvec *out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf pair = STRBUF_INIT;
	unsigned line = at->line;
	size_t key = strcspn(at->p, "=\n");

	if (at->p[key] != '=')
		return error_set(err, ERROR_INVALID, 0, "line %u: expected KEY=VALUE", line);
	strbuf_add(&pair, at->p, key + 1);
	at->p += key + 1;
	if (*at->p == '\'' || *at->p == '"') {
		if (take_parts(at, &pair, err) < 0)
			return -1;
	} else {
		while (!at_line_end(at))
			strbuf_addch(&pair, next(at));
	}
	if (config_check(pair.data, err) < 0)
		return error_wrap(err, "line %u", line);
	strvec_push(out, pair.data);
	return 0;
}

int envfile_parse(const char *text, struct strvec *out, struct error *err)
{
	struct cursor at = {text, 1};

	while (*at.p) {
		at.p += strspn(at.p, " \t");
		if (!at_line_end(&at) && *at.p != '#') {
			if (strncmp(at.p, "export", 6) == 0 && (at.p[6] == ' ' || at.p[6] == '\t'))
				at.p += 6 + strspn(at.p + 6, " \t");
			if (take_pair(&at, out, err) < 0)
				return -1;
		}
		skip_line(&at);
	}
	return 0;
}

void envfile_quote(struct strbuf *out, const char *value)
{
	strbuf_addch(out, '\'');
	for (; *value; value++) {
		if (*value == '\'')
			strbuf_addstr(out, "'\\''");
		else
			strbuf_addch(out, *value);
	}
	strbuf_addch(out, '\'');
}
