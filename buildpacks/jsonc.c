/* SPDX-License-Identifier: MIT */
#include "buildpacks/jsonc.h"

#include <stdbool.h>

/* Blanks from I up to, not including, END. */
static size_t blank(char *text, size_t i, size_t end)
{
	for (; i < end; i++)
		if (text[i] != '\n')
			text[i] = ' ';
	return end;
}

static size_t line_end(const char *text, size_t len, size_t i)
{
	while (i < len && text[i] != '\n')
		i++;
	return i;
}

/* The place after the closing mark, or 0. */
static size_t block_end(const char *text, size_t len, size_t i)
{
	for (i += 2; i + 1 < len; i++)
		if (text[i] == '*' && text[i + 1] == '/')
			return i + 2;
	return 0;
}

int jsonc_blank(char *text, size_t len, struct error *err)
{
	bool in_string = false;
	unsigned line = 1;

	for (size_t i = 0; i < len;) {
		char next = i + 1 < len ? text[i + 1] : '\0';
		if (text[i] == '\n')
			line++;
		if (in_string) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"' || text[i] == '\n')
				in_string = false;
			i++;
		} else if (text[i] == '/' && next == '/') {
			i = blank(text, i, line_end(text, len, i));
		} else if (text[i] == '/' && next == '*') {
			size_t end = block_end(text, len, i);
			if (end == 0)
				return error_set(err, ERROR_INVALID, 0,
						 "line %u: the comment is never closed", line);
			for (size_t j = i; j < end; j++)
				line += text[j] == '\n';
			i = blank(text, i, end);
		} else {
			in_string = text[i] == '"';
			i++;
		}
	}
	return 0;
}
