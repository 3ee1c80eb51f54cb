/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

static const char *log_name = "berth";

void log_open(const char *name)
{
	log_name = name;
}

void log_line(int priority, const char *fmt, ...)
{
	char text[2048];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = '?';
	char line[2200];
	int n;
	if (getenv("JOURNAL_STREAM")) {
		n = snprintf(line, sizeof(line), "<%d>%s\n", priority, text);
	} else {
		char when[CLOCK_TEXT_MAX];
		clock_text(clock_unix_us(), 3, when);
		n = snprintf(line, sizeof(line), "%s %s: %s\n", when, log_name, text);
	}
	/* a log that cannot be written has nowhere to say so */
	if (n > 0 && write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}
