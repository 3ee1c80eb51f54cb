/* SPDX-License-Identifier: MIT */
#include "control/buildset.h"

#include <string.h>

#include "base/cleanup.h"
#include "control/quantity.h"

#define MIB (1ull << 20)
#define WEIGHT 20 /* of the processor; an app has 100 */

const struct buildset_row buildset_rows[] = {
	{"retention", "20", "a number of builds from 1 to 10000", 1, 10000, 1},
	{"memory", "2g", "a size from 64m to 1024g, such as 512m or 2g", 64 * MIB, 1024ull << 30,
	 MIB},
	{"disk", "4g", "a size from 64m to 1024g, such as 512m or 2g", 64 * MIB, 1024ull << 30,
	 MIB},
	{"cpu", "0", "a number of cores such as 1 or 0.5, or 0 for all that are idle", 0, 1024000,
	 1000},
	{"pids", "2048", "a number of processes from 32 to 100000", 32, 100000, 1},
	{"cache-size", "2g", "a size from 64m to 1024g, such as 512m or 2g", 64 * MIB,
	 1024ull << 30, MIB},
	{"reproducible", "true", "true or false", 0, 1, 0},
	{"time", "1800", "a number of seconds from 10 to 86400", 10, 86400, 1},
	{0},
};

int buildset_find(const char *key, const struct buildset_row **out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf names = STRBUF_INIT;
	for (const struct buildset_row *row = buildset_rows; row->key; row++) {
		if (strcmp(row->key, key) == 0) {
			*out = row;
			return 0;
		}
		strbuf_addf(&names, "%s%s", names.len ? ", " : "", row->key);
	}
	return error_set(err, ERROR_USAGE, 0, "no property '%.80s': there are %s", key, names.data);
}

/* Of a row without a unit. */
static int parse_truth(const char *value, unsigned long long *out)
{
	*out = strcmp(value, "true") == 0;
	return *out || strcmp(value, "false") == 0 ? 0 : -1;
}

int buildset_parse(const struct buildset_row *row, const char *value, unsigned long long *out,
		   struct error *err)
{
	const struct quantity q = {row->form, row->min, row->max, row->unit};
	if (row->unit > 0)
		return quantity_parse(&q, row->key, value, out, err);
	if (parse_truth(value, out) < 0)
		return error_set(err, ERROR_INVALID, 0, "%s is %s, not '%.40s'", row->key,
				 row->form, value);
	return 0;
}

static char *setting_key(const char *key)
{
	return xasprintf("build-%s", key);
}

int buildset_set(struct context *c, int64_t app, const char *key, const char *value,
		 struct error *err)
{
	const struct buildset_row *row;
	_cleanup_free_ char *setting = setting_key(key);
	unsigned long long n;
	if (buildset_find(key, &row, err) < 0 || (value && buildset_parse(row, value, &n, err) < 0))
		return -1;
	return setting_set(&c->db, app, setting, value, err);
}

int buildset_text(struct context *c, int64_t app, const char *key, char **out, struct error *err)
{
	const struct buildset_row *row;
	_cleanup_free_ char *setting = setting_key(key);
	if (buildset_find(key, &row, err) < 0)
		return -1;
	return setting_get(&c->db, app, setting, row->fallback, out, err);
}

int buildset_number(struct context *c, int64_t app, const char *key, unsigned long long *out,
		    struct error *err)
{
	const struct buildset_row *row;
	_cleanup_free_ char *text = NULL;
	if (buildset_find(key, &row, err) < 0 || buildset_text(c, app, key, &text, err) < 0)
		return -1;
	return buildset_parse(row, text, out, err);
}

int buildset_limits(struct context *c, const struct app *app, struct spec_limits *out,
		    struct error *err)
{
	unsigned long long memory, disk, cpu, pids, time;
	if (buildset_number(c, app->id, "memory", &memory, err) < 0 ||
	    buildset_number(c, app->id, "disk", &disk, err) < 0 ||
	    buildset_number(c, app->id, "cpu", &cpu, err) < 0 ||
	    buildset_number(c, app->id, "pids", &pids, err) < 0 ||
	    buildset_number(c, app->id, "time", &time, err) < 0)
		return -1;
	*out = (struct spec_limits){
		.memory = memory,
		.disk = disk,
		.cpu_millis = (uint32_t)cpu,
		.cpu_weight = WEIGHT,
		.pids = (uint32_t)pids,
		.time_ms = (uint32_t)(time * 1000),
	};
	return 0;
}
