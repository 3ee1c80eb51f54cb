/* SPDX-License-Identifier: MIT */
#include "control/release.h"

#include <string.h>

#include "base/clock.h"
#include "control/config.h"

void release_init(struct release *r)
{
	*r = (struct release){.config = STRVEC_INIT, .formation = STRVEC_INIT, .own = STRVEC_INIT};
}

void release_free(struct release *r)
{
	free(r->image);
	free(r->tree);
	free(r->commit);
	free(r->description);
	free(r->user);
	free(r->status);
	strvec_release(&r->config);
	strvec_release(&r->formation);
	strvec_release(&r->own);
	release_init(r);
}

#define COLUMNS                                                                                    \
	"app, version, generation, image, tree, commit_id, formation, description, user, status,"  \
	" created_at"

static char *optional(sqlite3_stmt *stmt, int i)
{
	return sqlite3_column_type(stmt, i) == SQLITE_NULL ? NULL : xstrdup(db_text(stmt, i));
}

static void split_formation(const char *text, struct strvec *out)
{
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, " ");
		if (len)
			strvec_push_take(out, xstrndup(p, len));
		p += len + (p[len] == ' ');
	}
}

static void read_row(sqlite3_stmt *stmt, struct release *r)
{
	r->app = db_int(stmt, 0);
	r->version = db_int(stmt, 1);
	r->generation = db_int(stmt, 2);
	r->image = optional(stmt, 3);
	r->tree = optional(stmt, 4);
	r->commit = optional(stmt, 5);
	split_formation(db_text(stmt, 6), &r->formation);
	r->description = xstrdup(db_text(stmt, 7));
	r->user = xstrdup(db_text(stmt, 8));
	r->status = xstrdup(db_text(stmt, 9));
	r->created_at = db_int(stmt, 10);
}

int release_load(struct context *c, const struct app *app, int64_t version, struct release *out,
		 struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int64_t wanted = version ? version : app->release;
	if (db_query(&c->db, &stmt, err,
		     "SELECT " COLUMNS ", config FROM releases WHERE app = ? AND version = ?", "ii",
		     app->id, wanted) < 0)
		return -1;
	int got = db_next(&c->db, stmt, err);
	if (got < 0)
		return -1;
	if (got == 0 && wanted == 0)
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "app '%s' has no release yet: push to it first", app->name);
	if (got == 0)
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "app '%s' has no release v%lld: 'releases %s' shows those it has",
				 app->name, (long long)wanted, app->name);
	_cleanup_release_ struct release r;
	release_init(&r);
	read_row(stmt, &r);
	if (config_restore(c, sqlite3_column_blob(stmt, 11), (size_t)sqlite3_column_bytes(stmt, 11),
			   &r.config, err) < 0)
		return -1;
	*out = r;
	release_init(&r);
	return 0;
}

int release_load_image(struct context *c, const struct app *app, struct release *out,
		       struct image *im, struct error *err)
{
	if (release_load(c, app, 0, out, err) < 0)
		return -1;
	if (!out->image)
		return error_set(err, ERROR_NOT_FOUND, 0, "app '%s' has no code yet: push to it",
				 app->name);
	return image_load(c->inst, out->image, im, err);
}

static char *join_formation(const struct strvec *formation)
{
	struct strbuf sb = STRBUF_INIT;
	for (size_t i = 0; i < formation->n; i++)
		strbuf_addf(&sb, "%s%s", i ? " " : "", formation->v[i]);
	return strbuf_detach(&sb);
}

static int insert(struct context *c, const struct app *app, struct release *r, bool same_generation,
		  struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (db_query(&c->db, &stmt, err,
		     "SELECT coalesce(max(version), 0) + 1 FROM releases WHERE app = ?", "i",
		     app->id) < 0 ||
	    db_next(&c->db, stmt, err) < 0)
		return -1;
	r->version = db_int(stmt, 0);
	if (!same_generation)
		r->generation = r->version;
	_cleanup_strbuf_ struct strbuf sealed = STRBUF_INIT;
	_cleanup_free_ char *formation = join_formation(&r->formation);
	config_snapshot(c, &r->config, &sealed);
	return db_run(&c->db, err,
		      "INSERT INTO releases (app, version, generation, image, tree, commit_id,"
		      " config, formation, description, user, status, created_at)"
		      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', ?)",
		      "iiisssbsssi", app->id, r->version, r->generation, r->image, r->tree,
		      r->commit, sealed.data, sealed.len, formation, r->description, r->user,
		      r->created_at);
}

int release_create(struct context *c, const struct app *app, struct release *r,
		   bool same_generation, struct error *err)
{
	r->app = app->id;
	r->created_at = clock_unix_us();
	if (!r->user)
		r->user = xstrdup(c->identity);
	if (db_begin(&c->db, err) < 0)
		return -1;
	if (insert(c, app, r, same_generation, err) < 0) {
		db_rollback(&c->db);
		return -1;
	}
	return db_commit(&c->db, err);
}

static int make_current(struct context *c, const struct release *r, struct error *err)
{
	if (db_run(&c->db, err, "UPDATE apps SET release = ? WHERE id = ?", "ii", r->version,
		   r->app) < 0 ||
	    db_run(&c->db, err,
		   "UPDATE releases SET status = 'succeeded' WHERE app = ? AND version = ?", "ii",
		   r->app, r->version) < 0 ||
	    db_run(&c->db, err, "DELETE FROM formation WHERE app = ?", "i", r->app) < 0)
		return -1;
	if (r->brings_config && config_put(c, r->app, &r->own, err) < 0)
		return -1;
	for (size_t i = 0; i < r->formation.n; i++) {
		const char *equals = strchr(r->formation.v[i], '=');
		unsigned long long quantity;
		if (!equals || str_to_u64(equals + 1, 0, 100, &quantity) < 0)
			continue;
		_cleanup_free_ char *type =
			xstrndup(r->formation.v[i], (size_t)(equals - r->formation.v[i]));
		if (db_run(&c->db, err,
			   "INSERT INTO formation (app, type, quantity) VALUES (?, ?, ?)", "isi",
			   r->app, type, (int64_t)quantity) < 0)
			return -1;
	}
	return 0;
}

int release_succeed(struct context *c, struct app *app, const struct release *r, struct error *err)
{
	if (db_begin(&c->db, err) < 0)
		return -1;
	if (make_current(c, r, err) < 0) {
		db_rollback(&c->db);
		return -1;
	}
	if (db_commit(&c->db, err) < 0)
		return -1;
	app->release = r->version;
	return 0;
}

int release_fail(struct context *c, const struct release *r, struct error *err)
{
	return db_run(&c->db, err,
		      "UPDATE releases SET status = 'failed' WHERE app = ? AND version = ?", "ii",
		      r->app, r->version);
}

int release_abandon(struct context *c, const struct app *app, struct error *err)
{
	return db_run(&c->db, err,
		      "UPDATE releases SET status = 'failed' WHERE app = ? AND status = 'pending'",
		      "i", app->id);
}

int release_list(struct context *c, const struct app *app, int64_t limit, struct release **out,
		 size_t *out_n, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (db_query(&c->db, &stmt, err,
		     "SELECT " COLUMNS " FROM releases WHERE app = ?"
		     " ORDER BY version DESC LIMIT ?",
		     "ii", app->id, limit ? limit : (int64_t)-1) < 0)
		return -1;
	struct release *list = NULL;
	size_t n = 0;
	int got;
	while ((got = db_next(&c->db, stmt, err)) > 0) {
		list = xreallocarray(list, n + 1, sizeof(*list));
		release_init(&list[n]);
		read_row(stmt, &list[n++]);
	}
	if (got < 0) {
		for (size_t i = 0; i < n; i++)
			release_free(&list[i]);
		free(list);
		return -1;
	}
	*out = list;
	*out_n = n;
	return 0;
}

unsigned formation_get(const struct strvec *formation, const char *type, unsigned fallback)
{
	const char *text = strvec_getenv(formation, type);
	unsigned long long quantity;
	if (!text || str_to_u64(text, 0, 100, &quantity) < 0)
		return fallback;
	return (unsigned)quantity;
}

void formation_set(struct strvec *formation, const char *type, unsigned quantity)
{
	char text[12];
	snprintf(text, sizeof(text), "%u", quantity);
	strvec_setenv(formation, type, text);
}

int formation_load(struct db *db, int64_t app, struct strvec *out, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (db_query(db, &stmt, err,
		     "SELECT type, quantity FROM formation WHERE app = ? ORDER BY type", "i",
		     app) < 0)
		return -1;
	int got;
	while ((got = db_next(db, stmt, err)) > 0)
		formation_set(out, db_text(stmt, 0), (unsigned)db_int(stmt, 1));
	return got;
}
