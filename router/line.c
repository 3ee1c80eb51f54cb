/* SPDX-License-Identifier: MIT */
#include "router/line.h"

#include <string.h>

#include "base/clock.h"

#define SECONDS_MAX 9999999999ll /* ten digits: the year 2286 */

/* nginx's "12.345": 12345, or -1; *END is behind it. */
static int64_t read_ms(const char *text, const char **end)
{
	int64_t seconds = 0, part = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9' && seconds <= SECONDS_MAX / 10; p++)
		seconds = seconds * 10 + (*p - '0');
	if (p == text || *p++ != '.')
		return -1;
	for (int i = 0; i < 3; i++, p++) {
		if (*p < '0' || *p > '9')
			return -1;
		part = part * 10 + (*p - '0');
	}
	*end = p;
	return seconds * 1000 + part;
}

/* "0.001, 0.002 : -": the last one that is a time, 0 when none is. */
static int64_t read_last_ms(const char *text, const char *end)
{
	int64_t last = 0;

	while (text < end) {
		const char *rest = text + 1;
		int64_t ms = read_ms(text, &rest);

		if (ms >= 0)
			last = ms;
		text = rest;
	}
	return last;
}

void line_render(const char *raw, struct strbuf *out)
{
	const char *text = raw, *end = raw;
	int64_t at = read_ms(raw, &text), service;
	/* behind the path, which is the client's and has no quote of its own */
	const char *host = at < 0 ? NULL : strstr(text, "\" host=");
	const char *dyno = host ? strstr(host, " dyno=") : NULL;
	const char *connect = dyno ? strstr(dyno, " connect=") : NULL;
	const char *served = connect ? strstr(connect, " service=") : NULL;
	char stamp[CLOCK_TEXT_MAX];

	service = served ? read_ms(served + strlen(" service="), &end) : -1;
	if (service < 0) {
		strbuf_addstr(out, raw);
		return;
	}
	clock_text(at * 1000, 6, stamp);
	strbuf_addf(out, "%s berth[router]:", stamp);
	strbuf_add(out, text, (size_t)(connect - text));
	if (connect == dyno + strlen(" dyno="))
		strbuf_addch(out, '-');
	strbuf_addf(out, " connect=%lldms service=%lldms%s",
		    (long long)read_last_ms(connect + strlen(" connect="), served),
		    (long long)service, end);
}
