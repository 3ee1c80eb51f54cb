/* SPDX-License-Identifier: MIT */
/* tokens:...: who may use the HTTP API. Only hashes are kept. */
#include "control/commands/tables.h"

#include <sodium.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "control/answer.h"
#include "control/listing.h"
#include "control/token.h"

static int tokens_create(struct context *c, struct request *rq, struct error *err)
{
	char text[TOKEN_TEXT_SIZE];
	unsigned char hash[TOKEN_HASH_SIZE];
	const char *name = rq->args.v[0];
	if (name_check_label(name, err) < 0)
		return -1;
	token_make(text);
	token_hash(text, hash);
	int result =
		db_run(&c->db, err, "INSERT INTO tokens (name, hash, created_at) VALUES (?, ?, ?)",
		       "sbi", name, hash, sizeof(hash), clock_unix_us());
	if (result < 0 && db_is_duplicate(&c->db))
		error_set(err, ERROR_EXISTS, 0, "token '%s' exists already: revoke it first", name);
	if (result == 0)
		answer_line(c, "%s", text);
	if (result == 0 && c->terminal)
		answer_warning("Keep it now: it is not shown again.");
	sodium_memzero(text, sizeof(text));
	return result;
}

static int tokens_list(struct context *c, struct request *rq, struct error *err)
{
	static const char *const columns[] = {"name", "created_at", NULL};
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (db_query(&c->db, &stmt, err, "SELECT name, created_at FROM tokens ORDER BY name", "") <
	    0)
		return -1;
	json_t *rows = json_array();
	int got;
	while ((got = db_next(&c->db, stmt, err)) > 0)
		json_array_append_new(rows, json_pack("{s:s, s:o}", "name", db_text(stmt, 0),
						      "created_at", listing_time(db_int(stmt, 1))));
	if (got < 0) {
		json_decref(rows);
		return -1;
	}
	listing_table(c, rq, "API tokens", rows, columns);
	return 0;
}

static int tokens_revoke(struct context *c, struct request *rq, struct error *err)
{
	if (db_run(&c->db, err, "DELETE FROM tokens WHERE name = ?", "s", rq->args.v[0]) < 0)
		return -1;
	if (db_changes(&c->db) == 0)
		return error_set(err, ERROR_NOT_FOUND, 0, "no token '%s'", rq->args.v[0]);
	answer_step(c, "Revoked token '%s'", rq->args.v[0]);
	return 0;
}

/* tokens:check: berth-web gives the token on stdin; its name comes back. */
static int tokens_check(struct context *c, struct request *rq, struct error *err)
{
	(void)rq;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	unsigned char hash[TOKEN_HASH_SIZE];
	strbuf_cap(&text, 256);
	if (strbuf_read_fd(&text, STDIN_FILENO, err) < 0)
		return -1;
	strbuf_trim(&text);
	if (!token_is_wellformed(text.data))
		return error_set(err, ERROR_DENIED, 0, "not a token");
	token_hash(text.data, hash);
	sodium_memzero(text.data, text.len);
	if (db_query(&c->db, &stmt, err, "SELECT name FROM tokens WHERE hash = ?", "b", hash,
		     sizeof(hash)) < 0)
		return -1;
	int got = db_next(&c->db, stmt, err);
	if (got == 0)
		return error_set(err, ERROR_DENIED, 0, "no such token");
	if (got > 0)
		answer_line(c, "%s", db_text(stmt, 0));
	return got < 0 ? -1 : 0;
}

static const struct option_spec list_options[] = {OPTION_FORMAT, {0}};

const struct command tokens_commands[] = {
	{"tokens:create", "NAME", "Make a token for the HTTP API and print it once", 0, 1, 1, NULL,
	 tokens_create},
	{"tokens:list", "", "List the tokens' names", 0, 0, 0, list_options, tokens_list},
	{"tokens:revoke", "NAME", "Make a token worthless", 0, 1, 1, NULL, tokens_revoke},
	{"tokens:check", "", "Whose token is this?", COMMAND_HIDDEN | COMMAND_API, 0, 0, NULL,
	 tokens_check},
	{0},
};
