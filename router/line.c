/* SPDX-License-Identifier: MIT */
#include "router/line.h"

#include <string.h>

#include "base/cleanup.h"
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

/* Parts are the client's, who has neither a terminal of ours nor a quote. */
static void add_escaped(struct strbuf *out, const char *text, size_t len, bool quoted)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c < ' ' || c > '~' || (quoted && (c == '"' || c == '\\')))
			strbuf_addf(out, "\\x%02X", c);
		else
			strbuf_addch(out, text[i]);
	}
}

/* Moves over FIELD and its value, which OUT gets quoted when QUOTED; false when TEXT has another.
 */
static bool take(const char **text, const char *field, bool quoted, struct strbuf *out)
{
	const char *value = str_skip(*text, field);

	if (!value)
		return false;
	size_t len = strcspn(value, " ");
	strbuf_addf(out, "%s%s", field, quoted ? "\"" : "");
	add_escaped(out, len ? value : "-", len ? len : 1, true);
	strbuf_addstr(out, quoted ? "\"" : "");
	*text = value + len;
	return true;
}

void line_render(const char *raw, struct strbuf *out)
{
	const char *text = raw, *end = raw;
	int64_t at = read_ms(raw, &text), service;
	_cleanup_strbuf_ struct strbuf fields = STRBUF_INIT;
	bool known = at >= 0 && take(&text, " method=", false, &fields) &&
		     take(&text, " path=", true, &fields) &&
		     take(&text, " host=", false, &fields) &&
		     take(&text, " request_id=", false, &fields) &&
		     take(&text, " fwd=", true, &fields) && take(&text, " dyno=", false, &fields);
	const char *connect = known ? str_skip(text, " connect=") : NULL;
	const char *served = connect ? strstr(connect, " service=") : NULL;
	char stamp[CLOCK_TEXT_MAX];

	service = served ? read_ms(served + strlen(" service="), &end) : -1;
	if (service < 0) {
		add_escaped(out, raw, strlen(raw), false);
		return;
	}
	clock_text(at * 1000, 6, stamp);
	strbuf_addf(out, "%s berth[router]:%s connect=%lldms service=%lldms%s", stamp, fields.data,
		    (long long)read_last_ms(connect, served), (long long)service, end);
}
