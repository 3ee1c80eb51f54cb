/* SPDX-License-Identifier: MIT */
#include "control/config.h"

#include <string.h>

#include "base/cleanup.h"

int config_check(const char *pair, struct error *err)
{
	const char *equals = strchr(pair, '=');
	if (!equals)
		return error_set(err, ERROR_USAGE, 0, "expected KEY=VALUE, not '%.80s'", pair);
	_cleanup_free_ char *key = xstrndup(pair, (size_t)(equals - pair));
	if (name_check_key(key, err) < 0)
		return -1;
	size_t len = strlen(equals + 1);
	if (len > CONFIG_VALUE_MAX)
		return error_set(err, ERROR_INVALID, 0,
				 "the value of '%s' has %zu bytes: a process can be given at most "
				 "%u; put large data into a file or a volume",
				 key, len, CONFIG_VALUE_MAX);
	return 0;
}

static int read_rows(struct context *c, sqlite3_stmt *stmt, struct strvec *out, struct error *err)
{
	int got;
	while ((got = db_next(&c->db, stmt, err)) > 0) {
		_cleanup_strbuf_ struct strbuf value = STRBUF_INIT;
		if (secret_unseal(&c->secret, sqlite3_column_blob(stmt, 1),
				  (size_t)sqlite3_column_bytes(stmt, 1), &value, err) < 0)
			return error_wrap(err, "config '%s'", db_text(stmt, 0));
		strvec_setenv(out, db_text(stmt, 0), value.data);
	}
	return got;
}

int config_list(struct context *c, int64_t app, struct strvec *out, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (db_query(&c->db, &stmt, err, "SELECT key, value FROM config WHERE app = ? ORDER BY key",
		     "i", app) < 0)
		return -1;
	return read_rows(c, stmt, out, err);
}

int config_merged(struct context *c, int64_t app, struct strvec *out, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (db_query(&c->db, &stmt, err,
		     "SELECT key, value FROM config WHERE app IN (0, ?) ORDER BY app, key", "i",
		     app) < 0 ||
	    read_rows(c, stmt, out, err) < 0)
		return -1;
	strvec_sort(out);
	return 0;
}

static int add(struct context *c, int64_t app, const struct strvec *pairs, struct error *err)
{
	for (size_t i = 0; i < pairs->n; i++) {
		const char *equals = strchr(pairs->v[i], '=');
		_cleanup_free_ char *key = xstrndup(pairs->v[i], (size_t)(equals - pairs->v[i]));
		_cleanup_strbuf_ struct strbuf sealed = STRBUF_INIT;
		secret_seal(&c->secret, equals + 1, strlen(equals + 1), &sealed);
		if (db_run(&c->db, err,
			   "INSERT INTO config (app, key, value) VALUES (?, ?, ?)"
			   " ON CONFLICT (app, key) DO UPDATE SET value = excluded.value",
			   "isb", app, key, sealed.data, sealed.len) < 0)
			return -1;
	}
	_cleanup_strvec_ struct strvec all = STRVEC_INIT;
	if (config_merged(c, app, &all, err) < 0)
		return -1;
	size_t total = 0;
	for (size_t i = 0; i < all.n; i++)
		total += strlen(all.v[i]) + 1;
	if (total > CONFIG_TOTAL_MAX)
		return error_set(err, ERROR_INVALID, 0,
				 "the config would have %zu bytes together, more than the %u that "
				 "a process can be given",
				 total, CONFIG_TOTAL_MAX);
	return 0;
}

static int check_all(const struct strvec *pairs, struct error *err)
{
	for (size_t i = 0; i < pairs->n; i++)
		if (config_check(pairs->v[i], err) < 0)
			return -1;
	return 0;
}

void config_trial_release(struct config_trial *t)
{
	strvec_release(&t->own);
	strvec_release(&t->merged);
}

/* The end of a change's transaction, which FAILED or did not. */
static int finish(struct context *c, int64_t app, int failed, struct config_trial *trial,
		  struct error *err)
{
	if (!failed && !trial)
		return db_commit(&c->db, err);
	if (!failed)
		failed = config_list(c, app, &trial->own, err) < 0 ||
			 config_merged(c, app, &trial->merged, err) < 0;
	db_rollback(&c->db);
	return failed ? -1 : 0;
}

int config_put(struct context *c, int64_t app, const struct strvec *pairs, struct error *err)
{
	return db_run(&c->db, err, "DELETE FROM config WHERE app = ?", "i", app) < 0
		       ? -1
		       : add(c, app, pairs, err);
}

int config_set(struct context *c, int64_t app, const struct strvec *pairs,
	       struct config_trial *trial, struct error *err)
{
	if (check_all(pairs, err) < 0 || db_begin(&c->db, err) < 0)
		return -1;
	return finish(c, app, add(c, app, pairs, err), trial, err);
}

int config_replace(struct context *c, int64_t app, const struct strvec *pairs,
		   struct config_trial *trial, struct error *err)
{
	if (check_all(pairs, err) < 0 || db_begin(&c->db, err) < 0)
		return -1;
	return finish(c, app, config_put(c, app, pairs, err), trial, err);
}

int config_unset(struct context *c, int64_t app, const struct strvec *keys, int *out_removed,
		 struct config_trial *trial, struct error *err)
{
	int failed = 0, removed = 0;
	for (size_t i = 0; i < keys->n; i++)
		if (name_check_key(keys->v[i], err) < 0)
			return -1;
	if (db_begin(&c->db, err) < 0)
		return -1;
	for (size_t i = 0; i < keys->n && !failed; i++) {
		failed = db_run(&c->db, err, "DELETE FROM config WHERE app = ? AND key = ?", "is",
				app, keys->v[i]);
		removed += failed ? 0 : db_changes(&c->db);
	}
	*out_removed = removed;
	return finish(c, app, failed, trial, err);
}

/* JSON wants UTF-8 and values are any bytes but NUL, so the snapshot is the pairs, each ended by a
 * NUL: what execve will get. */
void config_snapshot(struct context *c, const struct strvec *pairs, struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf plain = STRBUF_INIT;
	for (size_t i = 0; i < pairs->n; i++)
		strbuf_add(&plain, pairs->v[i], strlen(pairs->v[i]) + 1);
	secret_seal(&c->secret, plain.data, plain.len, out);
}

int config_restore(struct context *c, const void *sealed, size_t len, struct strvec *out,
		   struct error *err)
{
	_cleanup_strbuf_ struct strbuf plain = STRBUF_INIT;
	if (secret_unseal(&c->secret, sealed, len, &plain, err) < 0)
		return error_wrap(err, "config of the release");
	for (const char *p = plain.data, *end = p + plain.len; p < end; p += strlen(p) + 1)
		strvec_push(out, p);
	return 0;
}
