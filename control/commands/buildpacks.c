/* SPDX-License-Identifier: MIT */
/* buildpacks:...: which packs build an app. */
#include "control/commands/tables.h"

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/remote.h"
#include "buildpacks/fetched.h"
#include "buildpacks/pack.h"
#include "buildpacks/source.h"
#include "control/answer.h"
#include "control/collect.h"
#include "control/listing.h"
#include "control/packlist.h"
#include "control/release.h"
#include "control/source.h"
#include "receiver/export.h"
#include "runtime/image.h"

static int index_of(const struct request *rq, unsigned long long max, unsigned long long *out,
		    struct error *err)
{
	const char *text = request_value(rq, "--index");
	*out = 0;
	if (text && str_to_u64(text, 1, max, out) < 0)
		return error_set(err, ERROR_USAGE, 0, "--index is a number from 1 to %llu here",
				 max);
	return 0;
}

/* Every pack can be one, and none comes twice. */
static int check_all(struct context *c, const struct strvec *packs, struct error *err)
{
	if (packs->n > PACK_LIST_MAX)
		return error_set(err, ERROR_INVALID, 0, "at most %d buildpacks are allowed",
				 PACK_LIST_MAX);
	for (size_t i = 0; i < packs->n; i++) {
		if (pack_check_name(c->inst, packs->v[i], err) < 0)
			return -1;
		for (size_t j = 0; j < i; j++)
			if (strcmp(packs->v[i], packs->v[j]) == 0)
				return error_set(err, ERROR_EXISTS, 0,
						 "buildpack '%s' is in the list already",
						 packs->v[i]);
	}
	return 0;
}

static void show(struct context *c, const struct app *app, const struct strvec *packs)
{
	if (packs->n == 0)
		answer_step(c, "No buildpacks are set for %s: its files decide", app->name);
	else
		answer_step(c, "Buildpacks of %s, from the next deploy on:", app->name);
	for (size_t i = 0; i < packs->n; i++)
		answer_detail(c, "%zu. %s", i + 1, packs->v[i]);
}

static int store(struct context *c, const struct request *rq, const struct strvec *packs,
		 struct error *err)
{
	if (check_all(c, packs, err) < 0 || packlist_save(&c->db, rq->app.id, packs, err) < 0)
		return -1;
	show(c, &rq->app, packs);
	return 0;
}

static int add(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strvec_ struct strvec packs = STRVEC_INIT;
	unsigned long long at;
	if (packlist_load(&c->db, rq->app.id, &packs, err) < 0 ||
	    index_of(rq, packs.n + 1, &at, err) < 0)
		return -1;
	strvec_insert(&packs, at ? at - 1 : packs.n, rq->args.v[0]);
	return store(c, rq, &packs, err);
}

/* Without --index all packs are replaced, as `heroku buildpacks:set` does with its one. */
static int set(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strvec_ struct strvec packs = STRVEC_INIT;
	unsigned long long at;
	if (!request_has(rq, "--index"))
		return store(c, rq, &rq->args, err);
	if (rq->args.n != 1)
		return error_set(err, ERROR_USAGE, 0, "--index goes with one buildpack");
	if (packlist_load(&c->db, rq->app.id, &packs, err) < 0 ||
	    index_of(rq, packs.n + 1, &at, err) < 0)
		return -1;
	if (at <= packs.n)
		strvec_remove(&packs, at - 1);
	strvec_insert(&packs, at - 1, rq->args.v[0]);
	return store(c, rq, &packs, err);
}

static int remove_pack(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strvec_ struct strvec packs = STRVEC_INIT;
	unsigned long long at;
	if (packlist_load(&c->db, rq->app.id, &packs, err) < 0)
		return -1;
	if (packs.n == 0)
		return error_set(err, ERROR_NOT_FOUND, 0, "no buildpacks are set for '%s'",
				 rq->app.name);
	if (index_of(rq, packs.n, &at, err) < 0)
		return -1;
	if (!at && rq->args.n == 0)
		return error_set(err, ERROR_USAGE, 0, "name the buildpack, or give its --index");
	for (size_t i = 0; !at && i < packs.n; i++)
		if (strcmp(packs.v[i], rq->args.v[0]) == 0)
			at = i + 1;
	if (!at)
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "buildpack '%s' is not set for '%s': see 'buildpacks:list %s'",
				 rq->args.v[0], rq->app.name, rq->app.name);
	strvec_remove(&packs, at - 1);
	return store(c, rq, &packs, err);
}

static int clear(struct context *c, struct request *rq, struct error *err)
{
	static const struct strvec none = STRVEC_INIT;
	return store(c, rq, &none, err);
}

static int list(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strvec_ struct strvec packs = STRVEC_INIT;
	if (packlist_load(&c->db, rq->app.id, &packs, err) < 0)
		return -1;
	if (!request_json(rq)) {
		answer_header(c, "%s buildpacks", rq->app.name);
		for (size_t i = 0; i < packs.n; i++)
			answer_line(c, "%s", packs.v[i]);
		return 0;
	}
	json_t *rows = json_array();
	for (size_t i = 0; i < packs.n; i++)
		json_array_append_new(rows, listing_text(packs.v[i]));
	listing_json(c, rows);
	return 0;
}

/* The source at the head of BRANCH, exported. */
static int branch_tree(struct context *c, const struct app *app, const char *branch,
		       char out[REPO_HEX_SIZE], struct error *err)
{
	_cleanup_export_ struct export_stats stats;
	_cleanup_free_ char *ref = xasprintf("refs/heads/%s", branch);
	char commit[REPO_HEX_SIZE];
	export_stats_init(&stats);
	if (remote_check_ref(branch, err) < 0 || repo_ref(c->inst, app->name, ref, commit, err) < 0)
		return -1;
	if (!*commit)
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "app '%s' has no branch '%s': push it first; what does not deploy "
				 "is stored",
				 app->name, branch);
	if (source_tree(c, app, commit, out, err) < 0)
		return -1;
	return export_tree(c->inst, app->name, out, NULL, &stats, err);
}

/* The source that runs. */
static int current_tree(struct context *c, const struct app *app, char out[REPO_HEX_SIZE],
			struct error *err)
{
	_cleanup_release_ struct release r;
	struct error why = ERROR_INIT;
	release_init(&r);
	if (release_load(c, app, 0, &r, &why) < 0 && why.code != ERROR_NOT_FOUND) {
		*err = why;
		return -1;
	}
	if (!r.tree)
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "app '%s' has no source yet: push to it first, or name a branch "
				 "that is stored with --branch",
				 app->name);
	snprintf(out, REPO_HEX_SIZE, "%s", r.tree);
	return 0;
}

static int detect(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strvec_ struct strvec configured = STRVEC_INIT;
	_cleanup_packs_ struct packs packs = PACKS_INIT;
	const char *branch = request_value(rq, "--branch");
	char tree[REPO_HEX_SIZE];
	FILE *out = c->out;
	_cleanup_free_ char *why = NULL;
	_cleanup_close_ int source = -1, hold = -1;
	/* what is said on the way is no part of the JSON */
	if (request_json(rq))
		c->out = stderr;
	if (collect_hold(c->inst, &hold, err) < 0 ||
	    (branch ? branch_tree(c, &rq->app, branch, tree, err)
		    : current_tree(c, &rq->app, tree, err)) < 0 ||
	    packlist_load(&c->db, rq->app.id, &configured, err) < 0 ||
	    source_open(c->inst, tree, &source, err) < 0)
		return -1;
	c->out = out;
	struct pack_place at = {c->inst, source, request_json(rq) ? -1 : fileno(c->out),
				STDERR_FILENO};
	fflush(c->out);
	if (packs_choose(&packs, &at, &configured, &why, err) < 0)
		return -1;
	json_t *rows = json_array();
	for (size_t i = 0; i < packs.n; i++)
		json_array_append_new(rows, json_pack("{s:o, s:o, s:s}", "buildpack",
						      listing_text(packs.v[i].name), "title",
						      listing_text(packs.v[i].title), "why", why));
	static const char *const columns[] = {"buildpack", "title", "why", NULL};
	_cleanup_free_ char *header = xasprintf("%s would be built with", rq->app.name);
	listing_table(c, rq, header, rows, columns);
	return 0;
}

static const char *const properties[] = {"stack-name", NULL};

static int set_property(struct context *c, struct request *rq, struct error *err)
{
	const char *key = rq->args.v[0], *value = rq->args.n > 1 ? rq->args.v[1] : NULL;
	if (strcmp(key, properties[0]) != 0)
		return error_set(err, ERROR_USAGE, 0, "no property '%.80s': there is %s", key,
				 properties[0]);
	if (value && (!*value || strlen(value) > 64 ||
		      value[strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					  "0123456789._-")]))
		return error_set(err, ERROR_INVALID, 0,
				 "'%.80s' is no name of a stack, such as heroku-24", value);
	if (setting_set(&c->db, rq->app.id, key, value, err) < 0)
		return -1;
	answer_property(c, rq->app.name, key, value);
	return 0;
}

static int report(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strvec_ struct strvec packs = STRVEC_INIT;
	_cleanup_free_ char *own = NULL, *global = NULL;
	const char *key = properties[0];
	if (packlist_load(&c->db, rq->app.id, &packs, err) < 0 ||
	    setting_own(&c->db, rq->app.id, key, &own, err) < 0 ||
	    setting_own(&c->db, 0, key, &global, err) < 0)
		return -1;
	json_t *out = json_object();
	if (rq->app.id) {
		json_t *names = json_array();
		for (size_t i = 0; i < packs.n; i++)
			json_array_append_new(names, listing_text(packs.v[i]));
		json_object_set_new(out, "app", json_string(rq->app.name));
		json_object_set_new(out, "buildpacks", names);
		json_object_set_new(out, key, json_string(own ? own : ""));
	}
	json_object_set_new(out, "global-stack-name", json_string(global ? global : ""));
	json_object_set_new(out, "computed-stack-name",
			    json_string(own      ? own
					: global ? global
						 : ""));
	_cleanup_free_ char *header = xasprintf("%s%s buildpacks information",
						rq->app.id ? "App " : "Global", rq->app.name);
	listing_report(c, rq, header, out);
	return 0;
}

/* The addresses that the app will be built from, as far as its last build and its list say. */
static int load_addresses(struct context *c, const struct app *app, struct strvec *out,
			  struct error *err)
{
	_cleanup_strvec_ struct strvec all = STRVEC_INIT;
	_cleanup_release_ struct release r;
	_cleanup_image_ struct image im;
	release_init(&r);
	image_init(&im);
	if (packlist_load(&c->db, app->id, &all, err) < 0)
		return -1;
	/* what .buildpacks or app.json named, only the image knows */
	if (all.n == 0 && app->release > 0) {
		if (release_load(c, app, 0, &r, err) < 0 ||
		    (r.image && image_load(c->inst, r.image, &im, err) < 0))
			return -1;
		strvec_push_all(&all, im.packs.v);
	}
	for (size_t i = 0; i < all.n; i++)
		if (fetched_is_address(all.v[i]))
			strvec_push(out, all.v[i]);
	return 0;
}

/* Fetches them anew. */
static int update(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strvec_ struct strvec addresses = STRVEC_INIT;
	_cleanup_close_ int hold = -1;
	if (collect_hold(c->inst, &hold, err) < 0 ||
	    load_addresses(c, &rq->app, &addresses, err) < 0)
		return -1;
	fflush(c->out);
	for (size_t i = 0; i < addresses.n; i++) {
		_cleanup_free_ char *id = NULL;
		if (fetched_ensure(c->inst, addresses.v[i], true, true, fileno(c->out),
				   STDERR_FILENO, &id, err) < 0)
			return -1;
		answer_detail(c, "%s is %s", addresses.v[i], id);
	}
	if (addresses.n == 0)
		answer_step(c, "No buildpack of %s comes from elsewhere", rq->app.name);
	else
		answer_step(c, "The next deploy uses them: 'ps:rebuild %s' does so now",
			    rq->app.name);
	return 0;
}

static const struct option_spec format_only[] = {OPTION_FORMAT, {0}};
static const struct option_spec detect_options[] = {
	{"--branch", NULL, "BRANCH", "look at this branch rather than at what runs"},
	OPTION_FORMAT,
	{0}};
static const struct option_spec index_only[] = {
	{"--index", NULL, "N", "the place in the list, from 1"}, {0}};
static const struct option_spec set_options[] = {
	{"--index", NULL, "N", "replace the one at this place, from 1"},
	{"--replace", NULL, NULL, "replace the whole list, which happens without --index anyway"},
	{0}};

const struct command buildpacks_commands[] = {
	{"buildpacks:add", "APP BUILDPACK", "Add a buildpack to those of an app", COMMAND_APP, 1, 1,
	 index_only, add},
	{"buildpacks:set", "APP BUILDPACK...", "Choose the buildpacks of an app", COMMAND_APP, 1,
	 PACK_LIST_MAX, set_options, set},
	{"buildpacks:remove", "APP [BUILDPACK]", "Take a buildpack off an app's list", COMMAND_APP,
	 0, 1, index_only, remove_pack},
	{"buildpacks:clear", "APP", "Let an app's files decide again", COMMAND_APP, 0, 0, NULL,
	 clear},
	{"buildpacks:list", "APP", "List the buildpacks that are set", COMMAND_APP, 0, 0,
	 format_only, list},
	{"buildpacks:detect", "APP", "Say which buildpacks serve an app's source, and why",
	 COMMAND_APP, 0, 0, detect_options, detect},
	{"buildpacks:report", "APP|--global", "Report an app's buildpacks and their properties",
	 COMMAND_APP | COMMAND_GLOBAL, 0, 0, format_only, report},
	{"buildpacks:set-property", "APP|--global KEY [VALUE]", "Set stack-name",
	 COMMAND_APP | COMMAND_GLOBAL, 1, 2, NULL, set_property},
	{"buildpacks:update", "APP", "Fetch an app's buildpacks from elsewhere anew", COMMAND_APP,
	 0, 0, NULL, update},
	{0},
};
