/* SPDX-License-Identifier: MIT */
#include "control/answer.h"

#include <stdarg.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/colour.h"
#include "base/printable.h"
#include "base/strbuf.h"

/* One write per line, so that lines of several writers do not mix. */
static void print(FILE *to, const struct strbuf *text, enum colour_tone tone)
{
	_cleanup_strbuf_ struct strbuf painted = STRBUF_INIT;
	const struct strbuf *shown = text;
	bool mid_line = false;
	if (colour_on(fileno(to))) {
		colour_paint(&painted, text->data, text->len, tone, &mid_line);
		shown = &painted;
	}
	fwrite(shown->data, 1, shown->len, to);
	fflush(to);
}

static void put(FILE *to, const char *mark, bool raw, const char *fmt, va_list ap)
{
	_cleanup_strbuf_ struct strbuf said = STRBUF_INIT;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	strbuf_vaddf(&said, fmt, ap);
	strbuf_addstr(&text, mark);
	if (raw)
		strbuf_add(&text, said.data, said.len);
	else
		printable_add(&text, said.data);
	strbuf_addch(&text, '\n');
	if (raw) {
		fwrite(text.data, 1, text.len, to);
		fflush(to);
	} else {
		print(to, &text, COLOUR_WARNING);
	}
}

void answer_step(struct context *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put(c->out, "-----> ", false, fmt, ap);
	va_end(ap);
}

void answer_property(struct context *c, const char *app, const char *key, const char *value)
{
	const char *all = *app ? "for " : "globally";
	if (value)
		answer_step(c, "Set %s to %s %s%s", key, value, all, app);
	else
		answer_step(c, "Unset %s %s%s", key, all, app);
}

void answer_header(struct context *c, const char *fmt, ...)
{
	if (!c->terminal || c->quiet)
		return;
	va_list ap;
	va_start(ap, fmt);
	put(c->out, "=====> ", false, fmt, ap);
	va_end(ap);
}

void answer_detail(struct context *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put(c->out, "       ", false, fmt, ap);
	va_end(ap);
}

void answer_line(struct context *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put(c->out, "", true, fmt, ap);
	va_end(ap);
}

static void alarm_about(enum colour_tone tone, const char *said)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_strbuf_ struct strbuf marked = STRBUF_INIT;
	printable_add(&text, said);
	for (const char *p = text.data; *p;) {
		size_t len = strcspn(p, "\n");
		strbuf_addstr(&marked, " !     ");
		strbuf_add(&marked, p, len);
		strbuf_addch(&marked, '\n');
		p += len + (p[len] == '\n');
	}
	fflush(stdout);
	print(stderr, &marked, tone);
}

void answer_warning(const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf said = STRBUF_INIT;
	va_list ap;
	va_start(ap, fmt);
	strbuf_vaddf(&said, fmt, ap);
	va_end(ap);
	alarm_about(COLOUR_WARNING, said.data);
}

void answer_error(const struct error *err)
{
	alarm_about(COLOUR_ERROR, err->message);
}
