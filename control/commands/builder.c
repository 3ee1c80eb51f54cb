/* SPDX-License-Identifier: MIT */
/* builder:...: what of the source is built. */
#include "control/commands/tables.h"

#include <string.h>

#include "base/cleanup.h"
#include "control/answer.h"
#include "control/dockerfile.h"
#include "control/listing.h"
#include "control/source.h"

static int check_builder(const char *value, struct error *err)
{
	if (strcmp(value, "dockerfile") == 0 || strcmp(value, "buildpacks") == 0)
		return 0;
	return error_set(err, ERROR_INVALID, 0, "selected is dockerfile or buildpacks, not '%.40s'",
			 value);
}

#define BUILDER "builder"
#define DOCKERFILE "builder-dockerfile"

/* What can be set, as which setting it is kept, and what holds without one. */
static const struct property {
	const char *builder, *key, *setting, *fallback;
	int (*check)(const char *value, struct error *err);
	bool folder; /* may end in "/", as a shell completes it */
} properties[] = {
	{BUILDER, "build-dir", "build-dir", "", source_check_dir, true},
	{BUILDER, "selected", "builder", "", check_builder, false},
	{DOCKERFILE, "dockerfile-path", "dockerfile-path", "Dockerfile", dockerfile_check_path,
	 false},
	{DOCKERFILE, "build-args", "build-args", "", dockerfile_check_args, false},
	{DOCKERFILE, "target", "dockerfile-target", "", dockerfile_check_target, false},
};

static int set_property(struct context *c, struct request *rq, const char *builder,
			struct error *err)
{
	const char *key = rq->args.v[0], *value = rq->args.n > 1 ? rq->args.v[1] : NULL;
	_cleanup_free_ char *own = NULL;
	_cleanup_strbuf_ struct strbuf known = STRBUF_INIT;
	const struct property *p = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
		if (strcmp(properties[i].builder, builder) != 0)
			continue;
		if (strcmp(properties[i].key, key) == 0)
			p = &properties[i];
		strbuf_addf(&known, "%s%s", known.len ? ", " : "", properties[i].key);
	}
	if (!p)
		return error_set(err, ERROR_USAGE, 0, "no property '%.80s': there is %s", key,
				 known.data);
	if (value) {
		size_t len = strlen(value);
		bool slash = p->folder && len > 1 && value[len - 1] == '/';
		own = xstrndup(value, slash ? len - 1 : len);
		if (p->check(own, err) < 0)
			return -1;
	}
	if (setting_set(&c->db, rq->app.id, p->setting, own, err) < 0)
		return -1;
	answer_property(c, rq->app.name, key, own);
	return 0;
}

static int builder_set(struct context *c, struct request *rq, struct error *err)
{
	return set_property(c, rq, BUILDER, err);
}

static int dockerfile_set(struct context *c, struct request *rq, struct error *err)
{
	return set_property(c, rq, DOCKERFILE, err);
}

/* The three values of a property: the app's, the one for all, and what holds. */
static int add_property(struct context *c, const struct request *rq, const struct property *p,
			json_t *report, struct error *err)
{
	_cleanup_free_ char *own = NULL, *global = NULL;
	_cleanup_free_ char *computed_key = xasprintf("computed-%s", p->key);
	_cleanup_free_ char *global_key = xasprintf("global-%s", p->key);
	if (setting_own(&c->db, rq->app.id, p->setting, &own, err) < 0 ||
	    setting_own(&c->db, 0, p->setting, &global, err) < 0)
		return -1;
	const char *computed = own ? own : global ? global : p->fallback;
	json_object_set_new(report, p->key, json_string(own ? own : ""));
	json_object_set_new(report, computed_key, json_string(computed));
	json_object_set_new(report, global_key, json_string(global ? global : ""));
	return 0;
}

static int report_properties(struct context *c, struct request *rq, const char *builder,
			     struct error *err)
{
	json_t *report = json_object();
	for (size_t i = 0; i < ARRAY_SIZE(properties); i++)
		if (strcmp(properties[i].builder, builder) == 0 &&
		    add_property(c, rq, &properties[i], report, err) < 0) {
			json_decref(report);
			return -1;
		}
	listing_properties(c, rq, rq->app.name, builder, report);
	return 0;
}

static int builder_report(struct context *c, struct request *rq, struct error *err)
{
	return report_properties(c, rq, BUILDER, err);
}

static int dockerfile_report(struct context *c, struct request *rq, struct error *err)
{
	return report_properties(c, rq, DOCKERFILE, err);
}

static const struct option_spec report_options[] = {
	OPTION_FORMAT,
	{"--build-dir", NULL, NULL, "only this: as set on the app"},
	{"--global-build-dir", NULL, NULL, "only this: as set with --global"},
	{"--computed-build-dir", NULL, NULL, "only this: the folder that is built"},
	{"--selected", NULL, NULL, "only this: as set on the app"},
	{"--global-selected", NULL, NULL, "only this: as set with --global"},
	{"--computed-selected", NULL, NULL, "only this: what builds; empty: the files decide"},
	{0}};

static const struct option_spec dockerfile_options[] = {
	OPTION_FORMAT,
	{"--dockerfile-path", NULL, NULL, "only this: as set on the app"},
	{"--global-dockerfile-path", NULL, NULL, "only this: as set with --global"},
	{"--computed-dockerfile-path", NULL, NULL, "only this: the file that is built"},
	{"--build-args", NULL, NULL, "only this: as set on the app"},
	{"--global-build-args", NULL, NULL, "only this: as set with --global"},
	{"--computed-build-args", NULL, NULL, "only this: the values that ARG lines get"},
	{"--target", NULL, NULL, "only this: as set on the app"},
	{"--global-target", NULL, NULL, "only this: as set with --global"},
	{"--computed-target", NULL, NULL,
	 "only this: the stage that is the image; empty: the last"},
	{0}};

const struct command builder_commands[] = {
	{"builder:set", "APP|--global KEY [VALUE]",
	 "Set build-dir, the folder that is the app, or selected, what builds it",
	 COMMAND_APP | COMMAND_GLOBAL, 1, 2, NULL, builder_set},
	{"builder:report", "APP", "Show what of the source is built", COMMAND_APP | COMMAND_API, 0,
	 0, report_options, builder_report},
	{"builder-dockerfile:set", "APP|--global KEY [VALUE]",
	 "Set dockerfile-path, target, the stage that is built, or build-args",
	 COMMAND_APP | COMMAND_GLOBAL, 1, 2, NULL, dockerfile_set},
	{"builder-dockerfile:report", "APP", "Show which Dockerfile is built",
	 COMMAND_APP | COMMAND_API, 0, 0, dockerfile_options, dockerfile_report},
	{0},
};
