/* SPDX-License-Identifier: MIT */
#include "control/resource.h"

#include <string.h>

#include "base/cleanup.h"
#include "control/buildset.h"
#include "control/release.h"

#define SIZE "a size from 4m to 1024g, such as 512m or 2g"
#define RATE "megabytes a second from 64k to 100g, such as 10m or 512k"
#define TERA (1024ull << 30)
/* As much of the processor as a process has that reserves none; 100 for each core reserved. */
#define WEIGHT 100

const struct resource_row resource_rows[] = {
	{"cpu",
	 {"a number of cores from 0.01 to 1024, such as 2 or 0.5, or 0 for all that are idle", 10,
	  1024000, QUANTITY_CORES},
	 true},
	{"memory", {SIZE, 4 * QUANTITY_MIB, TERA, QUANTITY_MIB}, true},
	{"memory-swap", {SIZE, 4 * QUANTITY_MIB, TERA, QUANTITY_MIB}, false},
	{"pids", {"a number of processes from 8 to 100000", 8, 100000, 1}, false},
	{"disk", {SIZE, 4 * QUANTITY_MIB, TERA, QUANTITY_MIB}, false},
	{"network", {RATE, 64 << 10, 100ull << 30, QUANTITY_MIB}, false},
	{"network-ingress", {RATE, 64 << 10, 100ull << 30, QUANTITY_MIB}, false},
	{"network-egress", {RATE, 64 << 10, 100ull << 30, QUANTITY_MIB}, false},
	{0},
};

const char *resource_kind_name(enum resource_kind kind)
{
	return kind == RESOURCE_LIMIT ? "limit" : "reserve";
}

static bool is_build(const char *type)
{
	return strcmp(type, RESOURCE_BUILD) == 0;
}

bool resource_has(const struct resource_row *row, enum resource_kind kind, const char *type)
{
	const struct buildset_row *found;
	if (is_build(type))
		return kind == RESOURCE_LIMIT && buildset_find(row->key, &found, NULL) == 0;
	return kind == RESOURCE_LIMIT || row->reserve;
}

static char *setting_name(enum resource_kind kind, const char *type, const struct resource_row *row)
{
	return xasprintf("resource-%s.%s.%s", type, resource_kind_name(kind), row->key);
}

int resource_set(struct context *c, int64_t app, enum resource_kind kind, const char *type,
		 const struct resource_row *row, const char *value, struct error *err)
{
	_cleanup_free_ char *name = setting_name(kind, type, row);
	unsigned long long n;
	if (!resource_has(row, kind, type))
		return error_set(err, ERROR_USAGE, 0, "%s of %s: there is no such %s", row->key,
				 is_build(type) ? "a build" : "a process",
				 kind == RESOURCE_LIMIT ? "limit" : "reservation");
	if (is_build(type))
		return buildset_set(c, app, row->key, value, err);
	if (value && quantity_parse(&row->quantity, row->key, value, &n, err) < 0)
		return -1;
	return setting_set(&c->db, app, name, value, err);
}

int resource_own(struct context *c, int64_t app, enum resource_kind kind, const char *type,
		 const struct resource_row *row, char **out, struct error *err)
{
	_cleanup_free_ char *name =
		is_build(type) ? xasprintf("build-%s", row->key) : setting_name(kind, type, row);
	return setting_own(&c->db, app, name, out, err);
}

int resource_types(struct context *c, int64_t app, struct strvec *out, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_strvec_ struct strvec formation = STRVEC_INIT;
	strvec_push(out, RESOURCE_EVERY_TYPE);
	if (formation_load(&c->db, app, &formation, err) < 0 ||
	    db_query(&c->db, &stmt, err,
		     "SELECT substr(key, 10) FROM settings WHERE app = ? AND key LIKE 'resource-%'"
		     " ORDER BY key",
		     "i", app) < 0)
		return -1;
	for (size_t i = 0; i < formation.n; i++)
		strvec_push_take(out, xstrndup(formation.v[i], strcspn(formation.v[i], "=")));
	int got;
	while ((got = db_next(&c->db, stmt, err)) > 0) {
		_cleanup_free_ char *type = xstrdup(db_text(stmt, 0));
		type[strcspn(type, ".")] = '\0';
		if (!strvec_has(out, type))
			strvec_push(out, type);
	}
	return got;
}

/* The value that holds for TYPE, or *out stays. */
static int number(struct context *c, int64_t app, enum resource_kind kind, const char *type,
		  const char *key, unsigned long long *out, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	const struct resource_row *row = resource_rows;
	while (strcmp(row->key, key) != 0)
		row++;
	_cleanup_free_ char *own = setting_name(kind, type, row);
	_cleanup_free_ char *every = setting_name(kind, RESOURCE_EVERY_TYPE, row);
	if (db_query(&c->db, &stmt, err,
		     "SELECT value FROM settings WHERE app IN (?, 0) AND key IN (?, ?)"
		     " ORDER BY app DESC, key = ? DESC LIMIT 1",
		     "isss", app, own, every, own) < 0)
		return -1;
	int got = db_next(&c->db, stmt, err);
	if (got <= 0)
		return got;
	return quantity_parse(&row->quantity, key, db_text(stmt, 0), out, err);
}

int resource_limits(struct context *c, int64_t app, const char *type, struct spec_limits *out,
		    struct error *err)
{
	unsigned long long cpu = 0, memory = 0, swap = 0, pids = 0, disk = 0, cores = 0, low = 0;
	unsigned long long both = 0, in, out_rate;
	if (number(c, app, RESOURCE_LIMIT, type, "cpu", &cpu, err) < 0 ||
	    number(c, app, RESOURCE_LIMIT, type, "memory", &memory, err) < 0 ||
	    number(c, app, RESOURCE_LIMIT, type, "memory-swap", &swap, err) < 0 ||
	    number(c, app, RESOURCE_LIMIT, type, "pids", &pids, err) < 0 ||
	    number(c, app, RESOURCE_LIMIT, type, "disk", &disk, err) < 0 ||
	    number(c, app, RESOURCE_LIMIT, type, "network", &both, err) < 0 ||
	    number(c, app, RESOURCE_RESERVE, type, "cpu", &cores, err) < 0 ||
	    number(c, app, RESOURCE_RESERVE, type, "memory", &low, err) < 0)
		return -1;
	in = out_rate = both;
	if (number(c, app, RESOURCE_LIMIT, type, "network-ingress", &in, err) < 0 ||
	    number(c, app, RESOURCE_LIMIT, type, "network-egress", &out_rate, err) < 0)
		return -1;
	out->net_to = in;
	out->net_from = out_rate;
	out->cpu_millis = (uint32_t)cpu;
	out->memory = memory;
	/* set for different types they may not fit together: what a start needs must not fail */
	out->memory_swap = swap && swap < memory ? memory : swap;
	out->memory_low = low;
	out->pids = (uint32_t)pids;
	out->disk = disk;
	unsigned long long weight = cores * WEIGHT / 1000;
	if (cores)
		out->cpu_weight = weight < 1 ? 1 : weight > 10000 ? 10000 : (uint32_t)weight;
	return 0;
}
