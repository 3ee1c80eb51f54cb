/* SPDX-License-Identifier: MIT */
#include "base/colour.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/printable.h"

#define HEAD "\033[1;36m"
#define RED "\033[31m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"

static const char *const names[] = {"none", "out", "err", "both"};

static unsigned painted;

unsigned colour_wanted(void)
{
	const char *never = getenv("NO_COLOR"), *always = getenv("CLICOLOR_FORCE"),
		   *term = getenv("TERM");

	if (never && *never)
		return COLOUR_NONE;
	if (always && *always && !str_equal(always, "0"))
		return COLOUR_OUT | COLOUR_ERR;
	if (!term || !*term || str_equal(term, "dumb"))
		return COLOUR_NONE;
	return (isatty(STDOUT_FILENO) == 1 ? COLOUR_OUT : 0) |
	       (isatty(STDERR_FILENO) == 1 ? COLOUR_ERR : 0);
}

const char *colour_name(unsigned streams)
{
	return names[streams & (COLOUR_OUT | COLOUR_ERR)];
}

bool colour_parse(const char *name, unsigned *out)
{
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (str_equal(name, names[i])) {
			*out = i;
			return true;
		}
	return false;
}

void colour_set(unsigned streams)
{
	painted = streams;
}

unsigned colour_get(void)
{
	return painted;
}

bool colour_on(int fd)
{
	return (fd == STDOUT_FILENO && (painted & COLOUR_OUT)) ||
	       (fd == STDERR_FILENO && (painted & COLOUR_ERR));
}

static bool starts(const char *line, size_t len, const char *mark)
{
	return len >= strlen(mark) && memcmp(line, mark, strlen(mark)) == 0;
}

static void paint_line(struct strbuf *out, const char *line, size_t len, enum colour_tone tone)
{
	static const char step[] = "----->", header[] = "=====>", alarm[] = " !     ";
	size_t mark = sizeof(step) - 1;

	if (starts(line, len, step) || starts(line, len, header)) {
		strbuf_addstr(out, HEAD);
		strbuf_add(out, line, mark);
		strbuf_addstr(out, PLAIN);
		strbuf_add(out, line + mark, len - mark);
	} else if (starts(line, len, alarm)) {
		strbuf_addstr(out, tone == COLOUR_ERROR ? RED : YELLOW);
		strbuf_add(out, line, len);
		strbuf_addstr(out, PLAIN);
	} else {
		strbuf_add(out, line, len);
	}
}

void colour_paint(struct strbuf *out, const char *text, size_t len, enum colour_tone tone,
		  bool *mid_line)
{
	while (len > 0) {
		const char *newline = memchr(text, '\n', len);
		size_t n = newline ? (size_t)(newline - text) : len;
		if (*mid_line)
			strbuf_add(out, text, n);
		else
			paint_line(out, text, n, tone);
		*mid_line = !newline;
		if (newline)
			strbuf_addch(out, '\n');
		n += newline != NULL;
		text += n;
		len -= n;
	}
}

static void alarm_about(enum colour_tone tone, const char *message)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT, line = STRBUF_INIT;
	bool mid_line = false;

	strbuf_addstr(&text, " !     ");
	printable_add(&text, message);
	strbuf_addch(&text, '\n');
	if (colour_wanted() & COLOUR_ERR)
		colour_paint(&line, text.data, text.len, tone, &mid_line);
	else
		strbuf_add(&line, text.data, text.len);
	fflush(stdout);
	fwrite(line.data, 1, line.len, stderr);
	fflush(stderr);
}

void colour_complain(const char *message)
{
	alarm_about(COLOUR_ERROR, message);
}

void colour_warn(const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&text, fmt, ap);
	va_end(ap);
	alarm_about(COLOUR_WARNING, text.data);
}
