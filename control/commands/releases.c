/* SPDX-License-Identifier: MIT */
/* releases and rollback. */
#include "control/commands/tables.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "control/answer.h"
#include "control/config.h"
#include "control/deploy.h"
#include "control/listing.h"
#include "control/lock.h"
#include "control/release.h"
#include "runtime/image.h"

static int releases(struct context *c, struct request *rq, struct error *err)
{
	static const char *const columns[] = {"version", "status",     "description",
					      "user",    "created_at", NULL};
	unsigned long long limit = 15;
	const char *num = request_value(rq, "--num");
	struct release *list = NULL;
	size_t n = 0;
	if (num && str_to_u64(num, 1, 100000, &limit) < 0)
		return error_set(err, ERROR_USAGE, 0, "--num is a number, not '%.40s'", num);
	if (release_list(c, &rq->app, (int64_t)limit, &list, &n, err) < 0)
		return -1;
	json_t *rows = json_array();
	for (size_t i = 0; i < n; i++) {
		const struct release *r = &list[i];
		json_t *row = json_object();
		json_object_set_new(row, "version", json_sprintf("v%lld", (long long)r->version));
		json_object_set_new(row, "current", json_boolean(r->version == rq->app.release));
		json_object_set_new(row, "status", json_string(r->status));
		json_object_set_new(row, "description", listing_text(r->description));
		json_object_set_new(row, "user", listing_text(r->user));
		json_object_set_new(row, "commit",
				    r->commit ? json_string(r->commit) : json_null());
		json_object_set_new(row, "image", r->image ? json_string(r->image) : json_null());
		json_object_set_new(row, "created_at", listing_time(r->created_at));
		json_array_append_new(rows, row);
		release_free(&list[i]);
	}
	free(list);
	_cleanup_free_ char *header = xasprintf("Releases of app %s", rq->app.name);
	listing_table(c, rq, header, rows, columns);
	return 0;
}

/* The newest release before the current one that was good and had other content. */
static int find_previous(struct context *c, const struct app *app, const struct release *current,
			 int64_t *out, struct error *err)
{
	struct release *list = NULL;
	size_t n = 0;
	*out = 0;
	if (release_list(c, app, 0, &list, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (*out == 0 && list[i].version < current->version && list[i].image &&
		    strcmp(list[i].status, "succeeded") == 0 &&
		    list[i].generation != current->generation)
			*out = list[i].version;
		release_free(&list[i]);
	}
	free(list);
	if (*out == 0)
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "app '%s' has no earlier release to go back to", app->name);
	return 0;
}

static int find_target(struct context *c, struct request *rq, struct release *target,
		       struct error *err)
{
	_cleanup_release_ struct release current;
	unsigned long long version = 0;
	int64_t previous = 0;
	release_init(&current);
	if (release_load(c, &rq->app, 0, &current, err) < 0)
		return -1;
	if (rq->args.n) {
		const char *text = rq->args.v[0];
		if (str_to_u64(text + (*text == 'v'), 1, INT64_MAX, &version) < 0)
			return error_set(err, ERROR_USAGE, 0,
					 "expected a version such as v3, not "
					 "'%.40s'",
					 text);
		previous = (int64_t)version;
	} else if (find_previous(c, &rq->app, &current, &previous, err) < 0) {
		return -1;
	}
	if (release_load(c, &rq->app, previous, target, err) < 0)
		return -1;
	if (!target->image)
		return error_set(err, ERROR_INVALID, 0, "v%lld has no code to go back to",
				 (long long)target->version);
	if (strcmp(target->status, "succeeded") != 0)
		return error_set(err, ERROR_INVALID, 0, "v%lld never ran: it %s",
				 (long long)target->version, target->status);
	_cleanup_image_ struct image im;
	struct error gone = ERROR_INIT;
	image_init(&im);
	if (image_load(c->inst, target->image, &im, &gone) < 0 && gone.code == ERROR_NOT_FOUND)
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "the image of v%lld was collected: only the newest releases keep "
				 "theirs ([releases] keep in berth.conf); push its commit again",
				 (long long)target->version);
	return 0;
}

static int rollback(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_release_ struct release target;
	_cleanup_close_ int lock = -1;
	release_init(&target);
	if (lock_take(c, &rq->app, "rollback", &lock, err) < 0 ||
	    app_find_id(&c->db, rq->app.id, &rq->app, err) < 0 ||
	    find_target(c, rq, &target, err) < 0)
		return -1;
	_cleanup_free_ char *description =
		xasprintf("Rollback to v%lld", (long long)target.version);
	answer_step(c, "Rolling back %s to v%lld", rq->app.name, (long long)target.version);
	/* the release's config becomes the app's, so that the next change starts from it */
	_cleanup_strvec_ struct strvec global = STRVEC_INIT;
	_cleanup_strvec_ struct strvec own = STRVEC_INIT;
	if (config_list(c, 0, &global, err) < 0)
		return -1;
	for (size_t i = 0; i < target.config.n; i++)
		if (!strvec_has(&global, target.config.v[i]))
			strvec_push(&own, target.config.v[i]);
	struct deploy_change change = {
		.config = &target.config,
		.own = &own,
		.image = target.image,
		.tree = target.tree,
		.commit = target.commit,
		.description = description,
	};
	if (deploy_change(c, &rq->app, &change, err) < 0)
		return -1;
	answer_step(c, "Released v%lld", (long long)rq->app.release);
	return 0;
}

static const struct option_spec releases_options[] = {
	{"--num", "-n", "N", "how many, the newest first (15)"}, OPTION_FORMAT, {0}};

const struct command releases_commands[] = {
	{"releases", "APP", "List an app's releases", COMMAND_APP | COMMAND_API, 0, 0,
	 releases_options, releases},
	{"rollback", "APP [vN]", "Make a new release of an old one's code and config", COMMAND_APP,
	 0, 1, NULL, rollback},
	{0},
};
