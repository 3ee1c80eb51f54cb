/* SPDX-License-Identifier: MIT */
#include "control/db.h"

#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "control/schema.h"

#define BUSY_TIMEOUT_MS 10000

static int failed(const struct db *db, struct error *err, const char *what)
{
	int code = sqlite3_errcode(db->handle);
	return error_set(err, code == SQLITE_BUSY ? ERROR_BUSY : ERROR_SYSTEM, 0, "%s: %s", what,
			 sqlite3_errmsg(db->handle));
}

static int exec(struct db *db, const char *sql, struct error *err)
{
	if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) != SQLITE_OK)
		return failed(db, err, "database");
	return 0;
}

static int user_version(struct db *db, int *out, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (db_query(db, &stmt, err, "PRAGMA user_version", "") < 0 || db_next(db, stmt, err) < 0)
		return -1;
	*out = sqlite3_column_int(stmt, 0);
	return 0;
}

static int apply(struct db *db, int number, struct error *err)
{
	char bump[48];
	int version;
	if (db_begin(db, err) < 0 || user_version(db, &version, err) < 0)
		return -1;
	/* another worker may have been first */
	if (version < number + 1) {
		snprintf(bump, sizeof(bump), "PRAGMA user_version = %d", number + 1);
		if (exec(db, schema_migrations[number], err) < 0 || exec(db, bump, err) < 0) {
			db_rollback(db);
			return error_wrap(err, "migration %d", number + 1);
		}
	}
	return db_commit(db, err);
}

static int migrate(struct db *db, struct error *err)
{
	int version, known = (int)ARRAY_SIZE(schema_migrations);
	if (user_version(db, &version, err) < 0)
		return -1;
	if (version > known)
		return error_set(err, ERROR_UNSUPPORTED, 0,
				 "the database was written by a newer Berth (schema %d, this one "
				 "knows %d): upgrade Berth",
				 version, known);
	for (int i = version; i < known; i++)
		if (apply(db, i, err) < 0)
			return -1;
	return 0;
}

int db_open(struct db *db, const struct instance *inst, struct error *err)
{
	_cleanup_free_ char *path = instance_lib(inst, "berth.db");
	mode_t old = umask(0077);
	int code = sqlite3_open_v2(path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
				   NULL);
	umask(old);
	if (code != SQLITE_OK) {
		error_set(err, ERROR_SYSTEM, 0, "open '%s': %s", path, sqlite3_errstr(code));
		db_close(db);
		return -1;
	}
	sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
	sqlite3_extended_result_codes(db->handle, 0);
	if (exec(db,
		 "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		 "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF",
		 err) < 0 ||
	    migrate(db, err) < 0) {
		db_close(db);
		return -1;
	}
	return 0;
}

void db_close(struct db *db)
{
	sqlite3_close(db->handle);
	db->handle = NULL;
}

int db_begin(struct db *db, struct error *err)
{
	return exec(db, "BEGIN IMMEDIATE", err);
}

int db_commit(struct db *db, struct error *err)
{
	if (exec(db, "COMMIT", err) == 0)
		return 0;
	db_rollback(db);
	return -1;
}

void db_rollback(struct db *db)
{
	if (!sqlite3_get_autocommit(db->handle))
		sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

static int prepare(struct db *db, sqlite3_stmt **out, struct error *err, const char *sql,
		   const char *types, va_list ap)
{
	sqlite3_stmt *stmt = NULL;
	if (sqlite3_prepare_v2(db->handle, sql, -1, &stmt, NULL) != SQLITE_OK)
		return failed(db, err, "database");
	for (int i = 1; *types; types++, i++) {
		if (*types == 'i') {
			sqlite3_bind_int64(stmt, i, va_arg(ap, int64_t));
		} else if (*types == 's') {
			sqlite3_bind_text(stmt, i, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
		} else {
			const void *data = va_arg(ap, const void *);
			size_t len = va_arg(ap, size_t);
			sqlite3_bind_blob64(stmt, i, data, len, SQLITE_TRANSIENT);
		}
	}
	*out = stmt;
	return 0;
}

int db_query(struct db *db, sqlite3_stmt **out, struct error *err, const char *sql,
	     const char *types, ...)
{
	va_list ap;
	va_start(ap, types);
	int result = prepare(db, out, err, sql, types, ap);
	va_end(ap);
	return result;
}

int db_next(struct db *db, sqlite3_stmt *stmt, struct error *err)
{
	int code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		return 1;
	if (code == SQLITE_DONE)
		return 0;
	return failed(db, err, "database");
}

int db_run(struct db *db, struct error *err, const char *sql, const char *types, ...)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	va_list ap;
	va_start(ap, types);
	int result = prepare(db, &stmt, err, sql, types, ap);
	va_end(ap);
	if (result < 0)
		return -1;
	return db_next(db, stmt, err) < 0 ? -1 : 0;
}

int db_has(struct db *db, bool *out, struct error *err, const char *sql, const char *types, ...)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	va_list ap;
	va_start(ap, types);
	int got = prepare(db, &stmt, err, sql, types, ap);
	va_end(ap);
	if (got < 0 || (got = db_next(db, stmt, err)) < 0)
		return -1;
	*out = got > 0;
	return 0;
}

void db_finish(sqlite3_stmt **stmt)
{
	sqlite3_finalize(*stmt);
	*stmt = NULL;
}

const char *db_text(sqlite3_stmt *stmt, int i)
{
	const unsigned char *text = sqlite3_column_text(stmt, i);
	return text ? (const char *)text : "";
}

int64_t db_int(sqlite3_stmt *stmt, int i)
{
	return sqlite3_column_int64(stmt, i);
}

int db_changes(const struct db *db)
{
	return sqlite3_changes(db->handle);
}

bool db_is_duplicate(const struct db *db)
{
	return (sqlite3_errcode(db->handle) & 0xff) == SQLITE_CONSTRAINT;
}
