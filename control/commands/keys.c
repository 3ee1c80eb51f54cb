/* SPDX-License-Identifier: MIT */
/* ssh-keys:...: who may push and run commands over ssh. */
#include "control/commands/tables.h"

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "control/answer.h"
#include "control/keylist.h"
#include "control/listing.h"
#include "control/pubkey.h"

static int add(struct context *c, const char *name, const struct pubkey *key, struct error *err)
{
	if (db_run(&c->db, err,
		   "INSERT INTO ssh_keys (fingerprint, name, key, created_at) VALUES (?, ?, ?, ?)",
		   "sssi", key->fingerprint, name, key->line, clock_unix_us()) < 0) {
		if (db_is_duplicate(&c->db))
			error_set(err, ERROR_EXISTS, 0,
				  "this key is here already: 'ssh-keys:list'");
		return -1;
	}
	return keylist_write(c, err);
}

static int keys_add(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct pubkey key;
	const char *name = rq->args.v[0];
	if (name_check_label(name, err) < 0)
		return -1;
	if (rq->args.n > 1) {
		/* the key itself as words: ssh-keys:add anna ssh-ed25519 AAAA... */
		for (size_t i = 1; i < rq->args.n; i++)
			strbuf_addf(&text, "%s%s", i > 1 ? " " : "", rq->args.v[i]);
	} else {
		strbuf_cap(&text, PUBKEY_MAX + 1);
		if (strbuf_read_fd(&text, STDIN_FILENO, err) < 0)
			return -1;
	}
	if (pubkey_parse(text.data, text.len, &key, err) < 0)
		return -1;
	int result = db_begin(&c->db, err);
	if (result == 0) {
		result = add(c, name, &key, err);
		if (result == 0)
			result = db_commit(&c->db, err);
		else
			db_rollback(&c->db);
	}
	if (result == 0)
		answer_step(c, "Added key '%s' %s", name, key.fingerprint);
	pubkey_release(&key);
	return result;
}

static int keys_list(struct context *c, struct request *rq, struct error *err)
{
	static const char *const columns[] = {"name", "fingerprint", "created_at", NULL};
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (db_query(&c->db, &stmt, err,
		     "SELECT name, fingerprint, created_at FROM ssh_keys"
		     " WHERE ?1 = '' OR name = ?1 ORDER BY name, created_at",
		     "s", rq->args.n ? rq->args.v[0] : "") < 0)
		return -1;
	json_t *rows = json_array();
	int got;
	while ((got = db_next(&c->db, stmt, err)) > 0)
		json_array_append_new(rows, json_pack("{s:s, s:s, s:o}", "name", db_text(stmt, 0),
						      "fingerprint", db_text(stmt, 1), "created_at",
						      listing_time(db_int(stmt, 2))));
	if (got < 0) {
		json_decref(rows);
		return -1;
	}
	listing_table(c, rq, "SSH keys", rows, columns);
	return 0;
}

static int keys_remove(struct context *c, struct request *rq, struct error *err)
{
	const char *fingerprint = request_value(rq, "--fingerprint");
	const char *what = fingerprint ? fingerprint : rq->args.n ? rq->args.v[0] : NULL;
	if (!what)
		return error_set(err, ERROR_USAGE, 0, "name a key, or give its --fingerprint");
	if (db_begin(&c->db, err) < 0)
		return -1;
	int result = db_run(&c->db, err,
			    fingerprint ? "DELETE FROM ssh_keys WHERE fingerprint = ?"
					: "DELETE FROM ssh_keys WHERE name = ?",
			    "s", what);
	int removed = db_changes(&c->db);
	if (result == 0 && removed == 0)
		result = error_set(err, ERROR_NOT_FOUND, 0,
				   "no key '%s': 'ssh-keys:list' shows those that are here", what);
	if (result == 0)
		result = keylist_write(c, err);
	if (result < 0) {
		db_rollback(&c->db);
		return -1;
	}
	if (db_commit(&c->db, err) < 0)
		return -1;
	answer_step(c, "Removed %d key%s", removed, removed == 1 ? "" : "s");
	return 0;
}

static const struct option_spec list_options[] = {OPTION_FORMAT, {0}};
static const struct option_spec remove_options[] = {
	{"--fingerprint", NULL, "SHA256:...", "remove the one with this fingerprint"}, {0}};

const struct command keys_commands[] = {
	{"ssh-keys:add", "NAME [KEY]", "Let a public key in (on stdin, or as arguments)", 0, 1, -1,
	 NULL, keys_add},
	{"ssh-keys:list", "[NAME]", "List the keys that are let in", 0, 0, 1, list_options,
	 keys_list},
	{"ssh-keys:remove", "NAME", "Let a key in no longer", 0, 0, 1, remove_options, keys_remove},
	{0},
};
