/* SPDX-License-Identifier: MIT */
#include "buildpacks/report.h"

#include "base/cleanup.h"
#include "base/strbuf.h"

struct record {
	char kind[16];
	size_t pack;
	const char *data;
	size_t len;
};

void report_release(struct report *r)
{
	free(r->title);
	free(r->failed_step);
	defaults_release(&r->defaults);
	procfile_release(&r->procfile);
}

static int bad(struct error *err)
{
	return error_set(err, ERROR_INVALID, 0, "the build's report is not readable");
}

/* Takes one record off the front. */
static int next(const char **data, size_t *len, struct record *out, struct error *err)
{
	const char *end = memchr(*data, '\n', *len);
	unsigned long long pack, size;
	char head[64], *space[2];

	if (!end || (size_t)(end - *data) >= sizeof(head))
		return bad(err);
	memcpy(head, *data, (size_t)(end - *data));
	head[end - *data] = '\0';
	space[0] = strchr(head, ' ');
	space[1] = space[0] ? strchr(space[0] + 1, ' ') : NULL;
	if (!space[1] || (size_t)(space[0] - head) >= sizeof(out->kind))
		return bad(err);
	*space[0] = *space[1] = '\0';
	size_t rest = *len - (size_t)(end + 1 - *data);
	if (str_to_u64(space[0] + 1, 0, 1000, &pack) < 0 ||
	    str_to_u64(space[1] + 1, 0, rest, &size) < 0)
		return bad(err);
	snprintf(out->kind, sizeof(out->kind), "%.15s", head);
	out->pack = pack;
	out->data = end + 1;
	out->len = size;
	*data = end + 1 + size;
	*len = rest - size;
	return 0;
}

/* One line that is safe to show. */
static char *clean(const char *s, size_t len)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	for (size_t i = 0; i < len && s[i] != '\n' && sb.len < REPORT_TITLE_MAX; i++)
		strbuf_addch(&sb, (unsigned char)s[i] < 0x20 || s[i] == 0x7f ? '?' : s[i]);
	strbuf_trim(&sb);
	return strbuf_detach(&sb);
}

static int take_failed(struct report *r, const struct record *rec, struct error *err)
{
	_cleanup_free_ char *text = clean(rec->data, rec->len);
	char *space = strchr(text, ' ');
	unsigned long long status;

	if (!space)
		return bad(err);
	*space = '\0';
	if (str_to_u64(space + 1, 0, 255, &status) < 0)
		return bad(err);
	free(r->failed_step);
	r->failed_step = TAKE_PTR(text);
	r->failed_status = (int)status;
	r->failed_pack = rec->pack;
	return 0;
}

static int take(struct report *r, const struct record *rec, struct error *err)
{
	if (str_equal(rec->kind, "detect")) {
		free(r->title);
		r->title = clean(rec->data, rec->len);
	} else if (str_equal(rec->kind, "release")) {
		struct defaults defaults = DEFAULTS_INIT;
		int result = defaults_parse(&defaults, rec->data, rec->len, err);
		if (result < 0 || (defaults.types.n == 0 && defaults.env.n == 0)) {
			defaults_release(&defaults);
			return result;
		}
		defaults_release(&r->defaults);
		r->defaults = defaults;
	} else if (str_equal(rec->kind, "procfile")) {
		procfile_release(&r->procfile);
		r->has_procfile = true;
		return procfile_parse(&r->procfile, rec->data, rec->len, err);
	} else if (str_equal(rec->kind, "whole")) {
		r->whole = true;
	} else if (str_equal(rec->kind, "failed")) {
		return take_failed(r, rec, err);
	} else {
		return bad(err);
	}
	return 0;
}

int report_parse(struct report *r, const char *data, size_t len, struct error *err)
{
	struct record rec;

	while (len > 0)
		if (next(&data, &len, &rec, err) < 0 || take(r, &rec, err) < 0)
			return -1;
	return 0;
}
