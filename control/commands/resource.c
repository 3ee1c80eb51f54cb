/* SPDX-License-Identifier: MIT */
/* resource:...: what the processes of an app may use, and what is kept for them. */
#include "control/commands/tables.h"

#include <string.h>

#include "base/cleanup.h"
#include "control/answer.h"
#include "control/listing.h"
#include "control/nextstart.h"
#include "control/release.h"
#include "control/resource.h"

#define CLEAR "clear"

static const char *kind_title(enum resource_kind kind)
{
	return kind == RESOURCE_LIMIT ? "limits" : "reservations";
}

/* The type that the command is about, "_default_" without --process-type. */
static int take_type(struct context *c, const struct request *rq, const char **out,
		     struct error *err)
{
	const char *type = request_value(rq, "--process-type");
	if (!type) {
		*out = RESOURCE_EVERY_TYPE;
		return 0;
	}
	if (name_check_type(type, err) < 0)
		return -1;
	*out = type;
	/* one that a later push brings may have its limits already, and may be a typing mistake */
	static const char *const made[] = {RESOURCE_EVERY_TYPE, RESOURCE_BUILD, "run", "release"};
	for (size_t i = 0; i < ARRAY_SIZE(made); i++)
		if (strcmp(made[i], type) == 0)
			return 0;
	_cleanup_release_ struct release r;
	_cleanup_image_ struct image im;
	struct error none = ERROR_INIT;
	release_init(&r);
	image_init(&im);
	if (rq->app.id && release_load_image(c, &rq->app, &r, &im, &none) == 0 &&
	    !image_command(&im, type))
		answer_warning("app '%s' has no process type '%s' so far", rq->app.name, type);
	return 0;
}

static char *subject(const struct request *rq, const char *type)
{
	const char *who = rq->app.id ? rq->app.name : "all apps";
	return strcmp(type, RESOURCE_EVERY_TYPE) == 0 ? xstrdup(who)
						      : xasprintf("%s (%s)", who, type);
}

static int show(struct context *c, struct request *rq, enum resource_kind kind, const char *type,
		struct error *err)
{
	json_t *out = json_object();
	for (const struct resource_row *row = resource_rows; row->key; row++) {
		_cleanup_free_ char *value = NULL;
		if (!resource_has(row, kind, type))
			continue;
		if (resource_own(c, rq->app.id, kind, type, row, &value, err) < 0) {
			json_decref(out);
			return -1;
		}
		json_object_set_new(out, row->key, listing_text(value ? value : ""));
	}
	_cleanup_free_ char *who = subject(rq, type);
	_cleanup_free_ char *header = xasprintf("Resource %s of %s", kind_title(kind), who);
	listing_report(c, rq, header, out);
	return 0;
}

/* OPTION's value for ROW, NULL when it was not given. */
static const char *given(const struct request *rq, const struct resource_row *row)
{
	_cleanup_free_ char *option = xasprintf("--%s", row->key);
	return request_value(rq, option);
}

/* What one type ends up with must make sense as a whole. */
static int check_whole(struct context *c, const struct request *rq, const char *type,
		       struct error *err)
{
	struct spec_limits l = {0};
	_cleanup_free_ char *swap = NULL;
	unsigned long long total = 0;
	const struct resource_row *row = resource_rows;
	while (strcmp(row->key, "memory-swap") != 0)
		row++;
	if (resource_limits(c, rq->app.id, type, &l, err) < 0 ||
	    resource_own(c, rq->app.id, RESOURCE_LIMIT, type, row, &swap, err) < 0 ||
	    (swap && quantity_parse(&row->quantity, row->key, swap, &total, err) < 0))
		return -1;
	if (total && total < l.memory)
		return error_set(err, ERROR_INVALID, 0,
				 "memory-swap is memory and swap together: at least the memory of "
				 "%llu MB, not '%s'",
				 (unsigned long long)(l.memory >> 20), swap);
	if (l.memory && l.memory_low > l.memory)
		return error_set(err, ERROR_INVALID, 0,
				 "%llu MB of memory cannot be reserved: the limit is %llu MB",
				 (unsigned long long)(l.memory_low >> 20),
				 (unsigned long long)(l.memory >> 20));
	return 0;
}

static int set_given(struct context *c, const struct request *rq, enum resource_kind kind,
		     const char *type, struct error *err)
{
	for (const struct resource_row *row = resource_rows; row->key; row++) {
		const char *value = given(rq, row);
		if (value && resource_set(c, rq->app.id, kind, type, row,
					  strcmp(value, CLEAR) == 0 ? NULL : value, err) < 0)
			return -1;
	}
	return strcmp(type, RESOURCE_BUILD) == 0 ? 0 : check_whole(c, rq, type, err);
}

static void say_when(struct context *c, const struct request *rq, const char *type)
{
	if (strcmp(type, RESOURCE_BUILD) == 0)
		answer_detail(c, "It counts from the next build");
	else
		nextstart_tell(c, &rq->app);
}

static int change(struct context *c, struct request *rq, enum resource_kind kind, struct error *err)
{
	const char *type;
	bool any = false;
	if (take_type(c, rq, &type, err) < 0)
		return -1;
	for (const struct resource_row *row = resource_rows; row->key; row++)
		any |= given(rq, row) != NULL;
	if (!any)
		return show(c, rq, kind, type, err);
	/* all or nothing */
	if (db_begin(&c->db, err) < 0)
		return -1;
	if (set_given(c, rq, kind, type, err) < 0) {
		db_rollback(&c->db);
		return -1;
	}
	if (db_commit(&c->db, err) < 0)
		return -1;
	_cleanup_free_ char *who = subject(rq, type);
	answer_header(c, "Setting resource %s for %s", kind_title(kind), who);
	for (const struct resource_row *row = resource_rows; row->key; row++)
		if (given(rq, row))
			answer_detail(c, "%s: %s", row->key, given(rq, row));
	say_when(c, rq, type);
	return 0;
}

static int resource_limit(struct context *c, struct request *rq, struct error *err)
{
	return change(c, rq, RESOURCE_LIMIT, err);
}

static int resource_reserve(struct context *c, struct request *rq, struct error *err)
{
	return change(c, rq, RESOURCE_RESERVE, err);
}

/* Without --process-type what is set for all types, as at Dokku; those of single types stay. */
static int clear(struct context *c, struct request *rq, enum resource_kind kind, struct error *err)
{
	const char *type;
	if (take_type(c, rq, &type, err) < 0)
		return -1;
	for (const struct resource_row *row = resource_rows; row->key; row++)
		if (resource_has(row, kind, type) &&
		    resource_set(c, rq->app.id, kind, type, row, NULL, err) < 0)
			return -1;
	_cleanup_free_ char *who = subject(rq, type);
	answer_step(c, "Clearing resource %s for %s", kind_title(kind), who);
	say_when(c, rq, type);
	return 0;
}

static int resource_limit_clear(struct context *c, struct request *rq, struct error *err)
{
	return clear(c, rq, RESOURCE_LIMIT, err);
}

static int resource_reserve_clear(struct context *c, struct request *rq, struct error *err)
{
	return clear(c, rq, RESOURCE_RESERVE, err);
}

/* KEY is "TYPE.limit.memory", as Dokku names its flags. */
static int describe(struct context *c, const struct request *rq, json_t *out, struct error *err)
{
	_cleanup_strvec_ struct strvec types = STRVEC_INIT;
	if (resource_types(c, rq->app.id, &types, err) < 0)
		return -1;
	strvec_push(&types, RESOURCE_BUILD);
	for (size_t i = 0; i < types.n; i++)
		for (int kind = RESOURCE_LIMIT; kind <= RESOURCE_RESERVE; kind++)
			for (const struct resource_row *row = resource_rows; row->key; row++) {
				_cleanup_free_ char *value = NULL;
				enum resource_kind k = (enum resource_kind)kind;
				if (!resource_has(row, k, types.v[i]))
					continue;
				if (resource_own(c, rq->app.id, k, types.v[i], row, &value, err) <
				    0)
					return -1;
				_cleanup_free_ char *key =
					xasprintf("resource-%s.%s.%s", types.v[i],
						  resource_kind_name(k), row->key);
				json_object_set_new(out, key, listing_text(value ? value : ""));
			}
	return 0;
}

static int resource_report(struct context *c, struct request *rq, struct error *err)
{
	json_t *out = json_object();
	if (describe(c, rq, out, err) < 0) {
		json_decref(out);
		return -1;
	}
	return listing_flags(c, rq, rq->app.id ? rq->app.name : "all apps", "resource", out, err);
}

#define RESERVABLE                                                                                 \
	{"--process-type", NULL, "TYPE", "only for it; build, run and release are types too"},     \
		{"--cpu", NULL, "CORES", "cores, such as 2 or 0.5"},                               \
	{                                                                                          \
		"--memory", NULL, "SIZE", "megabytes, or with k, m or g"                           \
	}

static const struct option_spec limit_options[] = {
	RESERVABLE,
	{"--memory-swap", NULL, "SIZE", "memory and swap together"},
	{"--pids", NULL, "N", "processes and threads"},
	{"--disk", NULL, "SIZE", "of /app and of /tmp, each"},
	{"--network", NULL, "RATE", "megabytes a second each way, or with k, m or g"},
	{"--network-ingress", NULL, "RATE", "the same of what comes"},
	{"--network-egress", NULL, "RATE", "the same of what it sends"},
	OPTION_FORMAT,
	{0}};
static const struct option_spec reserve_options[] = {RESERVABLE, OPTION_FORMAT, {0}};
static const struct option_spec clear_options[] = {
	{"--process-type", NULL, "TYPE", "only what is set for it"}, {0}};
static const struct option_spec report_options[] = {
	OPTION_FORMAT,
	{"--resource-*", NULL, NULL, "only this, such as --resource-web.limit.memory"},
	{0}};

#define WHO (COMMAND_APP | COMMAND_GLOBAL)

const struct command resource_commands[] = {
	{"resource:limit", "APP|--global", "Limit what the processes of an app may use", WHO, 0, 0,
	 limit_options, resource_limit},
	{"resource:limit-clear", "APP|--global", "Go back to the default limits", WHO, 0, 0,
	 clear_options, resource_limit_clear},
	{"resource:reserve", "APP|--global", "Keep memory and a share of the processor for an app",
	 WHO, 0, 0, reserve_options, resource_reserve},
	{"resource:reserve-clear", "APP|--global", "Reserve nothing any more", WHO, 0, 0,
	 clear_options, resource_reserve_clear},
	{"resource:report", "APP|--global", "Show limits and reservations", WHO | COMMAND_API, 0, 0,
	 report_options, resource_report},
	{0},
};
