/* SPDX-License-Identifier: MIT */
#include "buildpacks/say.h"

#include "base/colour.h"
#include "base/file.h"
#include "base/strbuf.h"

static void say(int fd, const char *mark, const char *fmt, va_list ap)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT, painted = STRBUF_INIT;
	bool mid_line = false;

	if (fd < 0)
		return;
	strbuf_addstr(&sb, mark);
	strbuf_vaddf(&sb, fmt, ap);
	strbuf_addch(&sb, '\n');
	if (colour_on(fd))
		colour_paint(&painted, sb.data, sb.len, COLOUR_WARNING, &mid_line);
	else
		strbuf_add(&painted, sb.data, sb.len);
	file_write_all(fd, painted.data, painted.len, NULL);
}

void say_step(int fd, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fd, "-----> ", fmt, ap);
	va_end(ap);
}

void say_detail(int fd, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fd, "       ", fmt, ap);
	va_end(ap);
}

void say_lines(int fd, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		say_detail(fd, "%.*s", (int)n, text);
		text += n + (text[n] == '\n');
	}
}
