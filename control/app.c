/* SPDX-License-Identifier: MIT */
#include "control/app.h"

#include <string.h>

#include "base/clock.h"
#include "base/strbuf.h"

#define COLUMNS                                                                                    \
	"id, name, range, created_at, locked, stopped, maintenance, epoch, coalesce(release, 0)"

static void read_row(sqlite3_stmt *stmt, struct app *out)
{
	*out = (struct app){
		.id = db_int(stmt, 0),
		.range = (unsigned)db_int(stmt, 2),
		.created_at = db_int(stmt, 3),
		.locked = db_int(stmt, 4) != 0,
		.stopped = db_int(stmt, 5) != 0,
		.maintenance = db_int(stmt, 6) != 0,
		.epoch = db_int(stmt, 7),
		.release = db_int(stmt, 8),
	};
	snprintf(out->name, sizeof(out->name), "%s", db_text(stmt, 1));
}

int app_find(struct db *db, const char *name, struct app *out, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (name_check_app(name, err) < 0 ||
	    db_query(db, &stmt, err, "SELECT " COLUMNS " FROM apps WHERE name = ?", "s", name) < 0)
		return -1;
	int got = db_next(db, stmt, err);
	if (got == 0)
		return error_set(err, ERROR_NO_APP, 0,
				 "app '%s' does not exist: 'apps:list' shows those that do", name);
	if (got > 0)
		read_row(stmt, out);
	return got < 0 ? -1 : 0;
}

int app_find_id(struct db *db, int64_t id, struct app *out, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (db_query(db, &stmt, err, "SELECT " COLUMNS " FROM apps WHERE id = ?", "i", id) < 0)
		return -1;
	int got = db_next(db, stmt, err);
	if (got == 0)
		return error_set(err, ERROR_NO_APP, 0, "the app is gone");
	if (got > 0)
		read_row(stmt, out);
	return got < 0 ? -1 : 0;
}

/* Ranges are not used again until all were used once: what a destroyed app may have left on a disk
 * that was not mounted at the time must not become a new app's. */
static int next_range(struct db *db, int64_t *out, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (db_query(db, &stmt, err,
		     "SELECT max(coalesce((SELECT max(range) FROM apps), 0),"
		     " coalesce((SELECT CAST(value AS INTEGER) FROM settings WHERE app = 0 AND"
		     " key = 'last-range'), 0)) + 1",
		     "") < 0 ||
	    db_next(db, stmt, err) < 0)
		return -1;
	*out = db_int(stmt, 0);
	db_finish(&stmt);
	if (*out >= INSTANCE_RANGES) {
		if (db_query(db, &stmt, err,
			     "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE"
			     " i < ?) SELECT i FROM n WHERE i NOT IN (SELECT range FROM apps)"
			     " LIMIT 1",
			     "i", (int64_t)INSTANCE_RANGES - 1) < 0)
			return -1;
		int got = db_next(db, stmt, err);
		if (got == 0)
			return error_set(err, ERROR_FAILED, 0,
					 "this instance has no room for more than %d apps",
					 INSTANCE_RANGES - 1);
		if (got < 0)
			return -1;
		*out = db_int(stmt, 0);
		return 0;
	}
	char text[24];
	snprintf(text, sizeof(text), "%lld", (long long)*out);
	return setting_set(db, 0, "last-range", text, err);
}

int app_create(struct db *db, const char *name, struct app *out, struct error *err)
{
	int64_t range;
	if (name_check_app(name, err) < 0 || db_begin(db, err) < 0)
		return -1;
	if (next_range(db, &range, err) < 0) {
		db_rollback(db);
		return -1;
	}
	if (db_run(db, err, "INSERT INTO apps (name, range, created_at) VALUES (?, ?, ?)", "sii",
		   name, range, clock_unix_us()) < 0) {
		if (db_is_duplicate(db))
			error_set(err, ERROR_EXISTS, 0, "app '%s' exists already", name);
		db_rollback(db);
		return -1;
	}
	if (db_commit(db, err) < 0)
		return -1;
	return app_find(db, name, out, err);
}

int app_rename(struct db *db, const struct app *app, const char *name, struct error *err)
{
	if (name_check_app(name, err) < 0)
		return -1;
	if (db_run(db, err, "UPDATE apps SET name = ? WHERE id = ?", "si", name, app->id) < 0) {
		if (db_is_duplicate(db))
			error_set(err, ERROR_EXISTS, 0, "app '%s' exists already", name);
		return -1;
	}
	return 0;
}

int app_remove(struct db *db, const struct app *app, struct error *err)
{
	return db_run(db, err, "DELETE FROM apps WHERE id = ?", "i", app->id);
}

int app_names(struct db *db, struct strvec *out, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (db_query(db, &stmt, err, "SELECT name FROM apps ORDER BY name", "") < 0)
		return -1;
	int got;
	while ((got = db_next(db, stmt, err)) > 0)
		strvec_push(out, db_text(stmt, 0));
	return got;
}

int app_set_locked(struct db *db, const struct app *app, bool locked, struct error *err)
{
	return db_run(db, err, "UPDATE apps SET locked = ? WHERE id = ?", "ii", (int64_t)locked,
		      app->id);
}

int app_set_stopped(struct db *db, struct app *app, bool stopped, struct error *err)
{
	if (db_run(db, err, "UPDATE apps SET stopped = ? WHERE id = ?", "ii", (int64_t)stopped,
		   app->id) < 0)
		return -1;
	app->stopped = stopped;
	return 0;
}

int app_set_maintenance(struct db *db, struct app *app, bool on, struct error *err)
{
	if (db_run(db, err, "UPDATE apps SET maintenance = ? WHERE id = ?", "ii", (int64_t)on,
		   app->id) < 0)
		return -1;
	app->maintenance = on;
	return 0;
}

int app_set_page(struct db *db, const struct app *app, const char *html, struct error *err)
{
	return db_run(db, err, "UPDATE apps SET page = ? WHERE id = ?", "si", html, app->id);
}

int app_page(struct db *db, const struct app *app, struct strbuf *out, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (db_query(db, &stmt, err, "SELECT page FROM apps WHERE id = ?", "i", app->id) < 0)
		return -1;
	int got = db_next(db, stmt, err);
	if (got > 0)
		strbuf_addstr(out, db_text(stmt, 0));
	return got < 0 ? -1 : 0;
}

int app_next_epoch(struct db *db, struct app *app, struct error *err)
{
	if (db_run(db, err, "UPDATE apps SET epoch = epoch + 1 WHERE id = ?", "i", app->id) < 0)
		return -1;
	app->epoch++;
	return 0;
}

int setting_set(struct db *db, int64_t app, const char *key, const char *value, struct error *err)
{
	if (!value)
		return db_run(db, err, "DELETE FROM settings WHERE app = ? AND key = ?", "is", app,
			      key);
	return db_run(db, err,
		      "INSERT INTO settings (app, key, value) VALUES (?, ?, ?)"
		      " ON CONFLICT (app, key) DO UPDATE SET value = excluded.value",
		      "iss", app, key, value);
}

int setting_own(struct db *db, int64_t app, const char *key, char **out, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (db_query(db, &stmt, err, "SELECT value FROM settings WHERE app = ? AND key = ?", "is",
		     app, key) < 0)
		return -1;
	int got = db_next(db, stmt, err);
	if (got < 0)
		return -1;
	*out = got ? xstrdup(db_text(stmt, 0)) : NULL;
	return 0;
}

int setting_get(struct db *db, int64_t app, const char *key, const char *fallback, char **out,
		struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (db_query(db, &stmt, err,
		     "SELECT value FROM settings WHERE app IN (?, 0) AND key = ?"
		     " ORDER BY app DESC LIMIT 1",
		     "is", app, key) < 0)
		return -1;
	int got = db_next(db, stmt, err);
	if (got < 0)
		return -1;
	*out = got ? xstrdup(db_text(stmt, 0)) : fallback ? xstrdup(fallback) : NULL;
	return 0;
}

char *app_text_id(const struct app *app)
{
	return xasprintf("app-%lld", (long long)app->id);
}
