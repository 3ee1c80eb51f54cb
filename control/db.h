/* SPDX-License-Identifier: MIT */
/*
 * The state: lib/berth.db, SQLite in WAL mode with STRICT tables and foreign keys; `user_version`
 * counts the migrations in control/schema.h. What should be is here and nowhere else; what is comes
 * from the shims. Each worker opens its own connection after its fork (a connection must not cross
 * one: sqlite.org/howtocorrupt.html). A writer waits up to 10 s for another.
 */
#ifndef CONTROL_DB_H
#define CONTROL_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "instance/instance.h"

struct db {
	sqlite3 *handle;
};

/* Opens the database, making and migrating it when needed. */
int db_open(struct db *db, const struct instance *inst, struct error *err);
void db_close(struct db *db);
#define _cleanup_db_ _cleanup_(db_close)

/* Transactions. BEGIN IMMEDIATE, so a later write cannot fail for want of the lock. */
int db_begin(struct db *db, struct error *err);
int db_commit(struct db *db, struct error *err);
void db_rollback(struct db *db); /* no error when none is open */

/* Runs SQL with its parameters bound in order. TYPES has one letter each: i int64_t,
 * s const char * (NULL is NULL), b const void * and size_t. */
int db_run(struct db *db, struct error *err, const char *sql, const char *types, ...);

/* A query: db_query, then db_next until it gives 0. Columns are read with sqlite3_column_*. */
int db_query(struct db *db, sqlite3_stmt **out, struct error *err, const char *sql,
	     const char *types, ...);
/* 1: a row, 0: the end, -1: an error. */
int db_next(struct db *db, sqlite3_stmt *stmt, struct error *err);
void db_finish(sqlite3_stmt **stmt);
/* Whether there is any row that SQL asks for. */
int db_has(struct db *db, bool *out, struct error *err, const char *sql, const char *types, ...);
#define _cleanup_stmt_ _cleanup_(db_finish)

/* Column I as a string that the query owns; "" for NULL. */
const char *db_text(sqlite3_stmt *stmt, int i);
int64_t db_int(sqlite3_stmt *stmt, int i);
/* Rows that the last db_run changed. */
int db_changes(const struct db *db);
/* True when the last error was a broken UNIQUE or PRIMARY KEY constraint. */
bool db_is_duplicate(const struct db *db);

#endif
