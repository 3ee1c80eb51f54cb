/* SPDX-License-Identifier: MIT */
#include "control/cron.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "buildpacks/appjson.h"
#include "control/detached.h"
#include "control/event.h"
#include "receiver/export.h"

void cron_list_release(struct cron_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].command);
		free(l->v[i].schedule);
		free(l->v[i].concurrency);
		free(l->v[i].result);
	}
	free(l->v);
	free(l->zone);
	*l = (struct cron_list){0};
}

static void make_id(const struct appjson_cron *t, char out[CRON_ID_SIZE])
{
	unsigned char hash[crypto_generichash_BYTES_MIN];
	_cleanup_free_ char *text = xasprintf("%s\n%s", t->schedule, t->command);
	crypto_generichash(hash, sizeof(hash), (const unsigned char *)text, strlen(text), NULL, 0);
	sodium_bin2hex(out, CRON_ID_SIZE, hash, (CRON_ID_SIZE - 1) / 2);
}

/* --- following the release ------------------------------------------------------------------ */

/* The current release of an app whose tasks are to be read. */
struct fresh {
	int64_t app, created_at; /* unix seconds: times from then on count */
};

static int keep_task(struct context *c, const struct fresh *f, size_t place,
		     const struct appjson_cron *t, struct error *err)
{
	char id[CRON_ID_SIZE];
	make_id(t, id);
	return db_run(&c->db, err,
		      "INSERT INTO cron_tasks (app, id, place, command, schedule, concurrency,"
		      " suspended, checked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
		      " ON CONFLICT (app, id) DO UPDATE SET place = excluded.place,"
		      " concurrency = excluded.concurrency",
		      "isisssii", f->app, id, (int64_t)place, t->command, t->schedule,
		      t->concurrency, (int64_t)t->maintenance, f->created_at);
}

static int replace_tasks(struct context *c, const struct fresh *f, const char *tree,
			 const struct appjson *aj, struct error *err)
{
	/* a place of -1 is one that no task of the new tree took */
	if (db_run(&c->db, err, "UPDATE cron_tasks SET place = -1 WHERE app = ?", "i", f->app) < 0)
		return -1;
	for (size_t i = 0; i < aj->n_cron; i++)
		if (keep_task(c, f, i, &aj->cron[i], err) < 0)
			return -1;
	if (db_run(&c->db, err, "DELETE FROM cron_tasks WHERE app = ? AND place = -1", "i",
		   f->app) < 0)
		return -1;
	return db_run(&c->db, err, "INSERT OR REPLACE INTO cron_trees (app, tree) VALUES (?, ?)",
		      "is", f->app, tree);
}

static int follow_one(struct context *c, const struct fresh *f, const char *tree, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_appjson_ struct appjson aj;
	struct error missing = ERROR_INIT;
	appjson_init(&aj);
	if (*tree &&
	    export_read_file(c->inst, tree, "app.json", APPJSON_MAX, &text, &missing) < 0 &&
	    missing.code != ERROR_NOT_FOUND) {
		*err = missing;
		return -1;
	}
	/* a wrong one failed its deploy, but one of before Berth knew of cron may be wrong now */
	if (text.len && appjson_parse(&aj, text.data, text.len, &missing) < 0)
		log_warning("app %lld: no tasks: %s", (long long)f->app, missing.message);
	if (db_begin(&c->db, err) < 0)
		return -1;
	if (replace_tasks(c, f, tree, &aj, err) < 0) {
		db_rollback(&c->db);
		return -1;
	}
	return db_commit(&c->db, err);
}

/* Reads the tasks of APP (0: of all apps) whose current release has another tree than before. */
static int follow(struct context *c, int64_t app, struct error *err)
{
	_cleanup_strvec_ struct strvec trees = STRVEC_INIT;
	_cleanup_free_ struct fresh *list = NULL;
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int got;
	if (db_query(&c->db, &stmt, err,
		     "SELECT a.id, COALESCE(r.tree, ''), r.created_at FROM apps a JOIN releases r"
		     " ON r.app = a.id AND r.version = a.release"
		     " LEFT JOIN cron_trees t ON t.app = a.id"
		     " WHERE (a.id = ?1 OR ?1 = 0) AND COALESCE(r.tree, '') IS NOT t.tree",
		     "i", app) < 0)
		return -1;
	while ((got = db_next(&c->db, stmt, err)) > 0) {
		list = xreallocarray(list, trees.n + 1, sizeof(*list));
		list[trees.n] = (struct fresh){db_int(stmt, 0), db_int(stmt, 2) / 1000000};
		strvec_push(&trees, db_text(stmt, 1));
	}
	db_finish(&stmt);
	for (size_t i = 0; got == 0 && i < trees.n; i++)
		if (follow_one(c, &list[i], trees.v[i], err) < 0)
			return -1;
	return got;
}

/* --- what has ended ------------------------------------------------------------------------- */

static int note_end(struct context *c, const struct detached *d, struct error *err)
{
	const char *id = str_skip(d->name, "cron.");
	_cleanup_free_ char *result = NULL;
	struct error gone = ERROR_INIT;
	struct app app;
	if (d->status.state == CONTAINER_LOST)
		result = xstrdup("lost with its machine or supervisor");
	else if (d->status.exit_code)
		result = xasprintf("failed with status %d", d->status.exit_code);
	else
		result = xstrdup("succeeded");
	if (db_run(&c->db, err, "UPDATE cron_tasks SET result = ? WHERE app = ? AND id = ?", "sis",
		   result, d->app, id) < 0)
		return -1;
	if (strcmp(result, "succeeded") != 0 && app_find_id(&c->db, d->app, &app, &gone) == 0)
		event_note(c, app.name, "Task %s %s: %s", d->name, result, d->command);
	/* what was noted is forgotten; if that fails, it is noted once more */
	return runtime_stop(c->inst, d->status.id, 0, err);
}

/* Under the lock, so that an end is told once. */
static int note_ends(struct context *c, int64_t app, struct error *err)
{
	_cleanup_free_ struct detached *all = NULL;
	size_t n = 0;
	if (detached_list(c->inst, app, &all, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!all[i].attached && str_starts(all[i].name, "cron.") &&
		    (all[i].status.state == CONTAINER_EXITED ||
		     all[i].status.state == CONTAINER_LOST) &&
		    note_end(c, &all[i], err) < 0)
			return -1;
	return 0;
}

static int catch_up(struct context *c, int64_t app, int *out_lock, struct error *err)
{
	_cleanup_free_ char *path = instance_run(c->inst, "locks/cron");
	_cleanup_close_ int lock = -1;
	if (file_lock(path, true, &lock, err) < 0 || follow(c, app, err) < 0 ||
	    note_ends(c, app, err) < 0)
		return -1;
	*out_lock = TAKE_FD(lock);
	return 0;
}

/* --- tasks ---------------------------------------------------------------------------------- */

static int load(struct context *c, int64_t app, struct cron_list *out, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int got;
	if (setting_get(&c->db, app, CRON_ZONE_KEY, NULL, &out->zone, err) < 0 ||
	    db_query(&c->db, &stmt, err,
		     "SELECT id, command, schedule, concurrency, result, suspended, checked_at,"
		     " started_at FROM cron_tasks WHERE app = ? ORDER BY place",
		     "i", app) < 0)
		return -1;
	while ((got = db_next(&c->db, stmt, err)) > 0) {
		out->v = xreallocarray(out->v, out->n + 1, sizeof(*out->v));
		struct cron_task *t = &out->v[out->n++];
		*t = (struct cron_task){.command = xstrdup(db_text(stmt, 1)),
					.schedule = xstrdup(db_text(stmt, 2)),
					.concurrency = xstrdup(db_text(stmt, 3)),
					.result = xstrdup(db_text(stmt, 4)),
					.suspended = db_int(stmt, 5) != 0,
					.checked_at = db_int(stmt, 6),
					.started_at = db_int(stmt, 7)};
		snprintf(t->id, sizeof(t->id), "%s", db_text(stmt, 0));
	}
	return got;
}

int cron_load(struct context *c, const struct app *app, struct cron_list *out, struct error *err)
{
	_cleanup_close_ int lock = -1;
	if (catch_up(c, app->id, &lock, err) < 0)
		return -1;
	return load(c, app->id, out, err);
}

int cron_find(const struct app *app, const struct cron_list *l, const char *id,
	      const struct cron_task **out, struct error *err)
{
	const char *bare = str_skip(id, "cron.");
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].id, bare ? bare : id) == 0) {
			*out = &l->v[i];
			return 0;
		}
	return error_set(err, ERROR_NOT_FOUND, 0,
			 "app '%s' has no task '%.80s': 'cron:list %s' shows them", app->name, id,
			 app->name);
}

int64_t cron_next(const struct cron_list *l, const struct cron_task *t, int64_t now)
{
	struct schedule s;
	struct error ignored = ERROR_INIT;
	return schedule_parse(t->schedule, &s, &ignored) == 0 ? schedule_next(&s, l->zone, now) : 0;
}

bool cron_due(const struct cron_list *l, const struct cron_task *t, int64_t now)
{
	int64_t since = t->checked_at > now - CRON_LATE_S ? t->checked_at : now - CRON_LATE_S;
	/* a clock that was wrong must not keep a task from running for ever */
	if (since > now + CRON_LATE_S)
		since = now - 60;
	int64_t next = t->suspended ? 0 : cron_next(l, t, since);
	return next && next <= now;
}

int cron_suspend(struct context *c, const struct app *app, const struct cron_task *t, bool on,
		 int64_t now, struct error *err)
{
	return db_run(
		&c->db, err,
		"UPDATE cron_tasks SET suspended = ?, checked_at = ? WHERE app = ? AND id = ?",
		"iiis", (int64_t)on, now, app->id, t->id);
}

int cron_start(struct context *c, const struct app *app, const struct cron_task *t, unsigned ttl_s,
	       char *out_name, struct error *err)
{
	_cleanup_release_ struct release r;
	_cleanup_image_ struct image im;
	_cleanup_free_ char *name = xasprintf("cron.%s", t->id);
	release_init(&r);
	image_init(&im);
	if (release_load_image(c, app, &r, &im, err) < 0)
		return -1;
	const char *type = image_command(&im, t->command);
	struct oneoff one = {.command = type ? type : t->command, .name = name, .time_s = ttl_s};
	if (detached_start(c, app, &r, &im, &one, out_name, err) < 0)
		return -1;
	return db_run(&c->db, err, "UPDATE cron_tasks SET started_at = ? WHERE app = ? AND id = ?",
		      "iis", (int64_t)time(NULL), app->id, t->id);
}

/* --- the minute ----------------------------------------------------------------------------- */

/* What the policy wants done with a run that goes on; *out_go: start another. */
static int settle(struct context *c, const struct app *app, const struct cron_task *t, bool *out_go,
		  struct error *err)
{
	_cleanup_free_ struct detached *all = NULL;
	const char *forbid = strcmp(t->concurrency, "forbid") == 0 ? t->id : NULL;
	size_t n = 0;
	*out_go = true;
	if (strcmp(t->concurrency, "allow") == 0)
		return 0;
	if (detached_list(c->inst, app->id, &all, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!str_equal(str_skip(all[i].name, "cron."), t->id) ||
		    (all[i].status.state != CONTAINER_RUNNING &&
		     all[i].status.state != CONTAINER_STARTING))
			continue;
		if (forbid) {
			event_note(c, app->name, "Task cron.%s still runs: left out this time",
				   t->id);
			*out_go = false;
			return 0;
		}
		event_note(c, app->name, "Task cron.%s still runs: stopped for the next", t->id);
		if (runtime_stop(c->inst, all[i].status.id, -1, err) < 0)
			return -1;
	}
	return 0;
}

static void run_due(struct context *c, const struct app *app, const struct cron_task *t)
{
	struct error err = ERROR_INIT;
	char name[DETACHED_NAME_MAX + 1];
	bool go;
	if (settle(c, app, t, &go, &err) == 0 &&
	    (!go || cron_start(c, app, t, DETACHED_TTL_S, name, &err) == 0))
		return;
	event_note(c, app->name, "Task cron.%s could not be started: %s", t->id, err.message);
	if (db_run(&c->db, &err,
		   "UPDATE cron_tasks SET result = 'could not be started' WHERE app = ? AND id = ?",
		   "is", app->id, t->id) < 0)
		log_warning("cron: %s", err.message);
}

/* The tasks of one app, some of them claimed. */
struct claim {
	struct app app;
	struct cron_list tasks;
	bool *due;
};

/* CL is to be released also after a failure. */
static int claim_due(struct context *c, const char *name, int64_t now, struct claim *cl,
		     struct error *err)
{
	if (app_find(&c->db, name, &cl->app, err) < 0 || load(c, cl->app.id, &cl->tasks, err) < 0)
		return -1;
	cl->due = xcalloc(cl->tasks.n + 1, sizeof(*cl->due));
	for (size_t i = 0; i < cl->tasks.n; i++) {
		const struct cron_task *t = &cl->tasks.v[i];
		if (!cron_due(&cl->tasks, t, now))
			continue;
		if (db_run(&c->db, err,
			   "UPDATE cron_tasks SET checked_at = ? WHERE app = ? AND id = ?", "iis",
			   now, cl->app.id, t->id) < 0)
			return -1;
		cl->due[i] = !cl->app.stopped;
	}
	return 0;
}

/* Those that replace another run last: they wait for its end. */
static void run_claimed(struct context *c, const struct claim *all, size_t n, bool replace)
{
	for (size_t a = 0; a < n; a++)
		for (size_t i = 0; all[a].due && i < all[a].tasks.n; i++)
			if (all[a].due[i] &&
			    (strcmp(all[a].tasks.v[i].concurrency, "replace") == 0) == replace)
				run_due(c, &all[a].app, &all[a].tasks.v[i]);
}

int cron_tick(struct context *c, int64_t now, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	_cleanup_close_ int lock = -1;
	int got, result = 0;
	if (catch_up(c, 0, &lock, err) < 0 ||
	    db_query(&c->db, &stmt, err,
		     "SELECT DISTINCT a.name FROM apps a JOIN cron_tasks t ON t.app = a.id",
		     "") < 0)
		return -1;
	while ((got = db_next(&c->db, stmt, err)) > 0)
		strvec_push(&names, db_text(stmt, 0));
	db_finish(&stmt);
	if (got < 0)
		return -1;
	struct claim *all = xcalloc(names.n + 1, sizeof(*all));
	for (size_t i = 0; i < names.n; i++) {
		struct error why = ERROR_INIT;
		if (claim_due(c, names.v[i], now, &all[i], &why) < 0 && why.code != ERROR_NO_APP) {
			*err = why;
			result = -1;
		}
	}
	/* what is claimed is ours: nobody needs to wait for it to run */
	lock = close_fd(lock);
	run_claimed(c, all, names.n, false);
	run_claimed(c, all, names.n, true);
	for (size_t i = 0; i < names.n; i++) {
		cron_list_release(&all[i].tasks);
		free(all[i].due);
	}
	free(all);
	return result;
}
