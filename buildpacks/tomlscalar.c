/* SPDX-License-Identifier: MIT */
#include "buildpacks/tomlscalar.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"

#define TOKEN_MAX 128 /* bytes of a number */

int toml_bad(const struct toml_text *t, struct error *err, const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&text, fmt, ap);
	va_end(ap);
	/* names may be of any letters, and are cut */
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.data[i] < 0x20 || (unsigned char)text.data[i] >= 0x7f)
			text.data[i] = '?';
	return error_set(err, ERROR_INVALID, 0, "line %u: %s", t->line, text.data);
}

/* --- strings ------------------------------------------------------------------------------------
 */

static bool has(const struct toml_text *t, const char *prefix)
{
	size_t n = strlen(prefix);

	return (size_t)(t->end - t->s) >= n && memcmp(t->s, prefix, n) == 0;
}

static void add_utf8(struct strbuf *out, unsigned long c)
{
	if (c >= 0x10000)
		strbuf_addch(out, (char)(0xf0 | c >> 18));
	else if (c >= 0x800)
		strbuf_addch(out, (char)(0xe0 | c >> 12));
	else if (c >= 0x80)
		strbuf_addch(out, (char)(0xc0 | c >> 6));
	else
		strbuf_addch(out, (char)c);
	if (c >= 0x10000)
		strbuf_addch(out, (char)(0x80 | (c >> 12 & 0x3f)));
	if (c >= 0x800)
		strbuf_addch(out, (char)(0x80 | (c >> 6 & 0x3f)));
	if (c >= 0x80)
		strbuf_addch(out, (char)(0x80 | (c & 0x3f)));
}

/* After "\u" or "\U": N hex digits. */
static int take_code(struct toml_text *t, size_t n, struct strbuf *out, struct error *err)
{
	char digits[9] = "";

	if ((size_t)(t->end - t->s) < n)
		return toml_bad(t, err, "a string does not end");
	memcpy(digits, t->s, n);
	unsigned long c = strtoul(digits, NULL, 16);
	if (strspn(digits, "0123456789abcdefABCDEF") != n || c > 0x10ffff ||
	    (c >= 0xd800 && c <= 0xdfff))
		return toml_bad(t, err, "'\\%c%s' is no character", n == 4 ? 'u' : 'U', digits);
	if (c == 0)
		return toml_bad(t, err, "a string must not hold the character 0");
	t->s += n;
	add_utf8(out, c);
	return 0;
}

/* A backslash at the end of a line: the white space up to the next word is nothing. */
static int take_line_end(struct toml_text *t, struct error *err)
{
	bool newline = false;

	while (t->s < t->end && strchr(" \t\r\n", *t->s) && *t->s) {
		newline |= *t->s == '\n';
		t->line += *t->s++ == '\n';
	}
	return newline ? 0 : toml_bad(t, err, "'\\ ' is no escape");
}

static int take_escape(struct toml_text *t, bool many, struct strbuf *out, struct error *err)
{
	static const char names[] = "btnfr\"\\", values[] = "\b\t\n\f\r\"\\";

	if (t->s == t->end)
		return toml_bad(t, err, "a string does not end");
	if (many && strchr(" \t\r\n", *t->s) && *t->s)
		return take_line_end(t, err);
	char c = *t->s++;
	const char *at = c ? strchr(names, c) : NULL;
	if (at)
		strbuf_addch(out, values[at - names]);
	else if (c == 'u' || c == 'U')
		return take_code(t, c == 'u' ? 4 : 8, out, err);
	else
		return toml_bad(t, err, "'\\%c' is no escape", c >= 0x20 && c < 0x7f ? c : '?');
	return 0;
}

/* One character that stands for itself. */
static int take_plain(struct toml_text *t, bool many, struct strbuf *out, struct error *err)
{
	unsigned char c = (unsigned char)*t->s;

	if (many && c == '\r' && has(t, "\r\n")) {
		t->s++;
		c = '\n';
	}
	if (c == '\n' && !many)
		return toml_bad(t, err, "a string does not end on its line");
	if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7f)
		return toml_bad(t, err, "a string must not hold the character %d", c);
	t->line += c == '\n';
	t->s++;
	strbuf_addch(out, (char)c);
	return 0;
}

int toml_string(struct toml_text *t, bool many, struct strbuf *out, struct error *err)
{
	const char quote = *t->s;
	const char three[] = {quote, quote, quote, '\0'}, one[] = {quote, '\0'};
	bool lines = many && has(t, three);
	const char *close = lines ? three : one;

	t->s += strlen(close);
	if (lines && (has(t, "\n") || has(t, "\r\n"))) {
		t->s += *t->s == '\r' ? 2 : 1;
		t->line++;
	}
	while (t->s < t->end && !has(t, close)) {
		bool escape = quote == '"' && *t->s == '\\';
		t->s += escape;
		if ((escape ? take_escape : take_plain)(t, lines, out, err) < 0)
			return -1;
	}
	if (t->s == t->end)
		return toml_bad(t, err, "a string does not end");
	t->s += strlen(close);
	/* up to two quotes more belong to the text */
	for (int i = 0; lines && i < 2 && has(t, one); i++, t->s++)
		strbuf_addch(out, quote);
	return 0;
}

/* --- numbers and dates
 * ---------------------------------------------------------------------------- */

/* SHAPE: "0" stands for a digit. */
static bool looks_like(const char *s, const char *shape)
{
	for (; *shape; s++, shape++)
		if (*shape == '0' ? *s < '0' || *s > '9' : *s != *shape)
			return false;
	return true;
}

/* What follows the time that S begins with, or NULL. */
static const char *skip_time(const char *s)
{
	if (!looks_like(s, "00:00:00"))
		return NULL;
	s += strlen("00:00:00");
	size_t n = *s == '.' ? strspn(s + 1, "0123456789") : 0;
	return s + (n > 0 ? n + 1 : 0);
}

/* A date, a time, or both: whether there is such a day is not looked at. */
static bool is_date(const char *token)
{
	const char *s = token;

	if (looks_like(s, "0000-00-00")) {
		s += strlen("0000-00-00");
		if (!*s)
			return true;
		s = strchr("Tt ", *s) ? skip_time(s + 1) : NULL;
		if (s && (*s == 'Z' || *s == 'z'))
			s++;
		else if (s && (*s == '+' || *s == '-') && looks_like(s + 1, "00:00"))
			s += strlen("+00:00");
	} else {
		s = skip_time(s);
	}
	return s && !*s;
}

/* TOKEN without its "_", each of which must stand between two digits; false: one does not. */
static bool strip(const char *token, const char *digits, char *out)
{
	for (const char *s = token; *s; s++) {
		if (*s != '_')
			*out++ = *s;
		else if (s == token || !strchr(digits, s[-1]) || !s[1] || !strchr(digits, s[1]))
			return false;
	}
	*out = '\0';
	return true;
}

static json_t *read_based(const char *token)
{
	int base = token[1] == 'x' ? 16 : token[1] == 'o' ? 8 : 2;
	const char *digits = base == 16 ? "0123456789abcdefABCDEF" : base == 8 ? "01234567" : "01";
	char clean[TOKEN_MAX];

	if (!strip(token + 2, digits, clean) || !*clean || clean[strspn(clean, digits)])
		return NULL;
	errno = 0;
	long long value = strtoll(clean, NULL, base);
	return errno ? NULL : json_integer(value);
}

/* Digits without a zero before them, as both kinds of decimal numbers begin; 0: none. */
static size_t whole_part(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n > 1 && s[0] == '0' ? 0 : n;
}

static json_t *read_decimal(const char *token)
{
	char clean[TOKEN_MAX];

	if (!strip(token, "0123456789", clean))
		return NULL;
	const char *digits = clean + (*clean == '+' || *clean == '-');
	if (strcmp(digits, "inf") == 0 || strcmp(digits, "nan") == 0)
		return json_string(clean);
	const char *s = digits + whole_part(digits);
	errno = 0;
	if (s == digits)
		return NULL;
	if (!*s) {
		long long value = strtoll(clean, NULL, 10);
		return errno ? NULL : json_integer(value);
	}
	if (*s == '.') {
		size_t n = strspn(s + 1, "0123456789");
		s += n > 0 ? n + 1 : 0;
	}
	if (*s == 'e' || *s == 'E') {
		const char *e = s + 1 + (s[1] == '+' || s[1] == '-');
		size_t n = strspn(e, "0123456789");
		s = n > 0 ? e + n : s;
	}
	double value = *s ? 0 : strtod(clean, NULL);
	/* one that no double holds is infinite */
	return *s ? NULL : isfinite(value) ? json_real(value) : json_string(clean);
}

static json_t *read_token(const char *token)
{
	if (strcmp(token, "true") == 0 || strcmp(token, "false") == 0)
		return json_boolean(*token == 't');
	if (is_date(token))
		return json_string(token);
	if (token[0] == '0' && token[1] && strchr("xob", token[1]))
		return read_based(token);
	return read_decimal(token);
}

static int take_token(struct toml_text *t, json_t **out, struct error *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789+-._:";
	char token[TOKEN_MAX] = "";
	size_t n = 0;

	while (t->s + n < t->end && n < sizeof(token) - 1 && t->s[n] &&
	       (strchr(letters, t->s[n]) ||
		/* the one blank between date and time */
		(n == 10 && t->s[n] == ' ' && looks_like(token, "0000-00-00") &&
		 t->end - t->s > 11 && t->s[11] >= '0' && t->s[11] <= '9'))) {
		token[n] = t->s[n];
		n++;
		token[n] = '\0';
	}
	if (n == 0)
		return toml_bad(t, err, "a value is missing");
	json_t *value = read_token(token);
	if (!value)
		return toml_bad(t, err, "'%s' is no value; text stands in quotes", token);
	t->s += n;
	*out = value;
	return 0;
}

int toml_scalar(struct toml_text *t, json_t **out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (t->s == t->end || (*t->s != '"' && *t->s != '\''))
		return take_token(t, out, err);
	if (toml_string(t, true, &text, err) < 0)
		return -1;
	json_t *value = json_stringn(text.data, text.len);
	if (!value)
		return toml_bad(t, err, "a string is not UTF-8");
	*out = value;
	return 0;
}
