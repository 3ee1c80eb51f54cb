/* SPDX-License-Identifier: MIT */
#include "control/listing.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/printable.h"
#include "base/strbuf.h"
#include "control/answer.h"

void listing_json(struct context *c, json_t *document)
{
	char *text = json_dumps(document, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	answer_line(c, "%s", text ? text : "null");
	free(text);
	json_decref(document);
}

json_t *listing_text(const char *s)
{
	json_t *value = json_string(s);
	if (value)
		return value;
	_cleanup_strbuf_ struct strbuf clean = STRBUF_INIT;
	for (; *s; s++)
		strbuf_addch(&clean, (unsigned char)*s < 0x80 ? *s : '?');
	return json_string(clean.data);
}

json_t *listing_time(int64_t unix_us)
{
	char text[CLOCK_TEXT_MAX];
	if (unix_us == 0)
		return json_null();
	clock_text(unix_us, 0, text);
	return json_string(text);
}

/* A value as a person reads it; the caller frees it. */
static char *plain(const json_t *value)
{
	if (json_is_string(value)) {
		struct strbuf text = STRBUF_INIT;
		printable_add(&text, json_string_value(value));
		return strbuf_detach(&text);
	}
	if (json_is_integer(value))
		return xasprintf("%lld", (long long)json_integer_value(value));
	if (json_is_real(value))
		return xasprintf("%.1f", json_real_value(value));
	if (json_is_boolean(value))
		return xstrdup(json_is_true(value) ? "true" : "false");
	if (json_is_array(value)) {
		struct strbuf sb = STRBUF_INIT;
		size_t i;
		json_t *item;
		json_array_foreach(value, i, item)
		{
			_cleanup_free_ char *one = plain(item);
			strbuf_addf(&sb, "%s%s", i ? " " : "", one);
		}
		return strbuf_detach(&sb);
	}
	return xstrdup("");
}

static void pad(struct strbuf *line, const char *text, size_t width, bool last)
{
	strbuf_addstr(line, text);
	for (size_t n = strlen(text); !last && n < width + 2; n++)
		strbuf_addch(line, ' ');
}

#define COLUMNS_MAX 16

/* The widest text of each column; *out_n is how many columns there are. */
static size_t measure(const json_t *rows, const char *const *columns, size_t width[COLUMNS_MAX])
{
	size_t n = 0, i;
	json_t *row;
	for (; n < COLUMNS_MAX && columns[n]; n++)
		width[n] = strlen(columns[n]);
	json_array_foreach(rows, i, row) for (size_t k = 0; k < n; k++)
	{
		_cleanup_free_ char *text = plain(json_object_get(row, columns[k]));
		size_t len = strlen(text);
		width[k] = len > width[k] ? len : width[k];
	}
	return n;
}

static void print_titles(struct context *c, const char *const *columns, const size_t *width,
			 size_t n)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	for (size_t k = 0; k < n; k++) {
		_cleanup_free_ char *title = xstrdup(columns[k]);
		for (char *p = title; *p; p++)
			*p = *p == '_' ? ' ' : *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
		pad(&line, title, width[k], k + 1 == n);
	}
	answer_line(c, "%s", line.data);
}

void listing_table(struct context *c, const struct request *rq, const char *header, json_t *rows,
		   const char *const *columns)
{
	size_t width[COLUMNS_MAX], i;
	json_t *row;
	if (request_json(rq)) {
		listing_json(c, rows);
		return;
	}
	size_t n = measure(rows, columns, width);
	answer_header(c, "%s", header);
	if (c->terminal && !c->quiet && n > 1 && json_array_size(rows))
		print_titles(c, columns, width, n);
	json_array_foreach(rows, i, row)
	{
		_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
		for (size_t k = 0; k < n; k++) {
			_cleanup_free_ char *text = plain(json_object_get(row, columns[k]));
			pad(&line, text, width[k], k + 1 == n);
		}
		answer_line(c, "%s", line.data);
	}
	json_decref(rows);
}

/* "network-addresses" as "Network addresses:", "a-_b_.c" as "A b c:". */
static char *title_of(const char *key)
{
	struct strbuf out = STRBUF_INIT;
	for (; *key; key++) {
		bool gap = strchr("_-.", *key) != NULL;
		if (!gap)
			strbuf_addch(&out, *key);
		else if (out.len && out.data[out.len - 1] != ' ')
			strbuf_addch(&out, ' ');
	}
	if (out.len && *out.data >= 'a' && *out.data <= 'z')
		*out.data = (char)(*out.data - 32);
	strbuf_addch(&out, ':');
	return strbuf_detach(&out);
}

void listing_report(struct context *c, const struct request *rq, const char *header, json_t *object)
{
	const char *key;
	json_t *value;
	if (request_json(rq)) {
		listing_json(c, object);
		return;
	}
	answer_header(c, "%s", header);
	json_object_foreach(object, key, value)
	{
		_cleanup_free_ char *text = plain(value);
		_cleanup_free_ char *title = title_of(key);
		answer_detail(c, "%-30s %s", title, text);
	}
	json_decref(object);
}

void listing_properties(struct context *c, const struct request *rq, const char *app,
			const char *group, json_t *object)
{
	const char *key;
	json_t *value;
	json_object_foreach(object, key, value)
	{
		_cleanup_free_ char *option = xasprintf("--%s", key);
		if (!request_has(rq, option))
			continue;
		_cleanup_free_ char *text = plain(value);
		answer_line(c, "%s", text);
		json_decref(object);
		return;
	}
	_cleanup_free_ char *header = xasprintf("App %s %s information", app, group);
	listing_report(c, rq, header, object);
}

int listing_flags(struct context *c, const struct request *rq, const char *app, const char *group,
		  json_t *object, struct error *err)
{
	for (size_t i = 0; i < rq->given.n; i++) {
		const char *name = str_skip(rq->given.v[i], "--");
		_cleanup_free_ char *bare = xstrndup(name, strcspn(name, "="));
		if (strcmp(bare, "format") == 0 || json_object_get(object, bare))
			continue;
		json_decref(object);
		return error_set(err, ERROR_USAGE, 0,
				 "no flag '--%.80s': '%s:report %s --format json' has them all, "
				 "without the dashes",
				 bare, group, rq->app.id ? app : "--global");
	}
	listing_properties(c, rq, app, group, object);
	return 0;
}
