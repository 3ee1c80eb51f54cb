/* SPDX-License-Identifier: MIT */
#include "buildpacks/procfile.h"

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "buildpacks/source.h"
#include "instance/name.h"

void procfile_release(struct procfile *pf)
{
	for (size_t i = 0; i < pf->n; i++) {
		free(pf->entries[i].type);
		free(pf->entries[i].command);
	}
	free(pf->entries);
	pf->entries = NULL;
	pf->n = 0;
}

const char *procfile_command(const struct procfile *pf, const char *type)
{
	for (size_t i = 0; i < pf->n; i++)
		if (str_equal(pf->entries[i].type, type))
			return pf->entries[i].command;
	return NULL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_type_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

/* What in a line cannot be in any Procfile. */
static int check_bytes(const char *s, size_t len, unsigned line, struct error *err)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c == '\0')
			return error_set(err, ERROR_INVALID, 0, "Procfile line %u: has a NUL byte",
					 line);
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return error_set(err, ERROR_INVALID, 0,
					 "Procfile line %u: has the control character 0x%02x", line,
					 c);
	}
	return 0;
}

static int add_entry(struct procfile *pf, const char *s, size_t len, unsigned line,
		     struct error *err)
{
	size_t type_len = 0;
	while (type_len < len && is_type_char(s[type_len]))
		type_len++;
	if (type_len == 0 || type_len == len || s[type_len] != ':')
		return error_set(
			err, ERROR_INVALID, 0,
			"Procfile line %u: expected 'TYPE: COMMAND' with a type of letters, "
			"digits, '-' and '_'",
			line);
	if (type_len > NAME_TYPE_MAX)
		return error_set(
			err, ERROR_INVALID, 0,
			"Procfile line %u: the type has %zu characters, at most %d are allowed",
			line, type_len, NAME_TYPE_MAX);
	size_t from = type_len + 1;
	while (from < len && is_blank(s[from]))
		from++;
	_cleanup_free_ char *type = xstrndup(s, type_len);
	if (from == len)
		return error_set(err, ERROR_INVALID, 0, "Procfile line %u: '%s' has no command",
				 line, type);
	for (size_t i = 0; i < pf->n; i++)
		if (str_equal(pf->entries[i].type, type))
			return error_set(err, ERROR_INVALID, 0,
					 "Procfile line %u: '%s' is declared already in line %u",
					 line, type, pf->entries[i].line);
	if (pf->n == PROCFILE_TYPES_MAX)
		return error_set(err, ERROR_INVALID, 0,
				 "Procfile line %u: at most %d process types are allowed", line,
				 PROCFILE_TYPES_MAX);
	pf->entries = xreallocarray(pf->entries, pf->n + 1, sizeof(*pf->entries));
	struct procfile_entry *e = &pf->entries[pf->n++];
	e->type = TAKE_PTR(type);
	e->command = xstrndup(s + from, len - from);
	e->line = line;
	return 0;
}

static int parse_line(struct procfile *pf, const char *s, size_t len, unsigned line,
		      struct error *err)
{
	if (len > PROCFILE_LINE_MAX)
		return error_set(
			err, ERROR_INVALID, 0,
			"Procfile line %u: is %zu bytes long, at most %u are allowed; put the "
			"command into a script and call that",
			line, len, PROCFILE_LINE_MAX);
	if (len > 0 && s[len - 1] == '\r')
		len--;
	while (len > 0 && is_blank(s[len - 1]))
		len--;
	size_t from = 0;
	while (from < len && is_blank(s[from]))
		from++;
	if (check_bytes(s, len, line, err) < 0)
		return -1;
	if (from == len || s[from] == '#')
		return 0;
	return add_entry(pf, s + from, len - from, line, err);
}

int procfile_parse(struct procfile *pf, const char *text, size_t len, struct error *err)
{
	_cleanup_procfile_ struct procfile p = PROCFILE_INIT;
	unsigned line = 0;

	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;
		if (parse_line(&p, text, n, ++line, err) < 0)
			return -1;
		n += end ? 1 : 0;
		text += n;
		len -= n;
	}
	*pf = p;
	p = (struct procfile)PROCFILE_INIT;
	return 0;
}

int procfile_read(struct procfile *pf, int dirfd, const char *name, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (source_read(dirfd, name, PROCFILE_MAX, &text, err) < 0)
		return -1;
	return procfile_parse(pf, text.data, text.len, err);
}
