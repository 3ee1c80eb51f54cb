/* SPDX-License-Identifier: MIT */
#include "buildpacks/dockerline.h"

#include <string.h>
#include <strings.h>

void dockerline_init(struct dockerline *line)
{
	*line = (struct dockerline){.text = STRBUF_INIT};
}

void dockerline_release(struct dockerline *line)
{
	strbuf_release(&line->text);
	free(line->parts);
	dockerline_init(line);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* One physical line: from *BEGIN to *END, without what ends it. */
static bool take(struct dockerlines *lines, const char **begin, const char **end)
{
	if (lines->at == lines->end)
		return false;
	const char *newline = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
	*begin = lines->at;
	*end = newline ? newline : lines->end;
	lines->at = newline ? newline + 1 : lines->end;
	lines->line++;
	if (*end > *begin && (*end)[-1] == '\r')
		(*end)--;
	return true;
}

static const char *skip_blank(const char *s, const char *end)
{
	while (s < end && is_blank(*s))
		s++;
	return s;
}

/* "# KEY=VALUE"; false for any other line. */
static bool read_directive(const char *begin, const char *end, struct strbuf *key,
			   struct strbuf *value)
{
	begin = skip_blank(begin, end);
	if (begin == end || *begin != '#')
		return false;
	begin = skip_blank(begin + 1, end);
	const char *equals = memchr(begin, '=', (size_t)(end - begin));
	if (!equals)
		return false;
	strbuf_add(key, begin, (size_t)(equals - begin));
	strbuf_add(value, equals + 1, (size_t)(end - equals - 1));
	strbuf_trim(key);
	strbuf_trim(value);
	return key->len > 0 &&
	       strspn(key->data, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") ==
		       key->len;
}

static int read_directives(struct dockerlines *lines, struct error *err)
{
	for (;;) {
		_cleanup_strbuf_ struct strbuf key = STRBUF_INIT, value = STRBUF_INIT;
		struct dockerlines ahead = *lines;
		const char *begin, *end;

		if (!take(&ahead, &begin, &end) || !read_directive(begin, end, &key, &value))
			return 0;
		if (strcasecmp(key.data, "escape") == 0) {
			if (!str_equal(value.data, "\\") && !str_equal(value.data, "`"))
				return error_set(err, ERROR_INVALID, 0,
						 "line %u, column 1: the escape character is \\ or "
						 "`, not '%.20s'",
						 ahead.line - 1, value.data);
			lines->escape = value.data[0];
		} else if (strcasecmp(key.data, "syntax") != 0 &&
			   strcasecmp(key.data, "check") != 0) {
			return 0; /* any other comment ends them */
		}
		lines->at = ahead.at;
		lines->line = ahead.line;
	}
}

int dockerlines_start(struct dockerlines *lines, const char *data, size_t len, struct error *err)
{
	*lines = (struct dockerlines){.at = data, .end = data + len, .line = 1, .escape = '\\'};
	if (len > DOCKERLINE_FILE_MAX)
		return error_set(err, ERROR_INVALID, 0, "is %zu bytes long, at most %u are allowed",
				 len, DOCKERLINE_FILE_MAX);
	if (len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
		lines->at += 3;
	for (const char *s = data; s < lines->end; s++) {
		lines->line += *s == '\n';
		if (*s == '\0')
			return error_set(err, ERROR_INVALID, 0, "line %u: has a NUL byte",
					 lines->line);
	}
	lines->line = 1;
	return read_directives(lines, err);
}

/* Adds BEGIN to END, which stood in physical line LINE that begins at START. */
static void add_part(struct dockerline *out, const char *start, const char *begin, const char *end,
		     unsigned line)
{
	out->parts = xreallocarray(out->parts, out->n_parts + 1, sizeof(*out->parts));
	out->parts[out->n_parts++] =
		(struct dockerline_part){out->text.len, line, (unsigned)(begin - start) + 1};
	strbuf_add(&out->text, begin, (size_t)(end - begin));
}

/* Whether the line ends in an escape that continues it; *END then is before that. One that has
 * another before it does not (BuildKit, frontend/dockerfile/parser). */
static bool continues(const char *begin, const char **end, char escape)
{
	const char *last = *end;

	while (last > begin && is_blank(last[-1]))
		last--;
	if (last == begin || last[-1] != escape || (last - begin > 1 && last[-2] == escape))
		return false;
	*end = last - 1;
	return true;
}

int dockerlines_next(struct dockerlines *lines, struct dockerline *out)
{
	const char *start, *end;
	bool more = true;

	while (more && take(lines, &start, &end)) {
		const char *begin = skip_blank(start, end);
		/* also between continued lines */
		if (begin == end || *begin == '#')
			continue;
		more = continues(begin, &end, lines->escape);
		/* the indent of a continued line is part of it */
		add_part(out, start, out->n_parts > 0 ? start : begin, end, lines->line - 1);
	}
	while (out->text.len > 0 && is_blank(out->text.data[out->text.len - 1]))
		strbuf_truncate(&out->text, out->text.len - 1);
	return out->n_parts > 0;
}

int dockerlines_heredoc(struct dockerlines *lines, const char *terminator, bool strip,
			struct strbuf *out)
{
	const char *begin, *end;
	size_t len = strlen(terminator);

	while (take(lines, &begin, &end)) {
		while (strip && begin < end && *begin == '\t')
			begin++;
		if ((size_t)(end - begin) == len && memcmp(begin, terminator, len) == 0)
			return 0;
		strbuf_add(out, begin, (size_t)(end - begin));
		strbuf_addch(out, '\n');
	}
	return -1;
}

void dockerline_place(const struct dockerline *line, size_t offset, unsigned *out_line,
		      unsigned *out_column)
{
	size_t i = 0;

	while (i + 1 < line->n_parts && line->parts[i + 1].offset <= offset)
		i++;
	*out_line = line->parts[i].line;
	*out_column = line->parts[i].column + (unsigned)(offset - line->parts[i].offset);
}
