/* SPDX-License-Identifier: MIT */
#include "control/keylist.h"

#include "base/cleanup.h"
#include "base/strvec.h"
#include "control/sshd.h"

int keylist_write(struct context *c, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	_cleanup_strvec_ struct strvec keys = STRVEC_INIT;
	if (db_query(&c->db, &stmt, err, "SELECT name, key FROM ssh_keys ORDER BY created_at", "") <
	    0)
		return -1;
	int got;
	while ((got = db_next(&c->db, stmt, err)) > 0) {
		strvec_push(&names, db_text(stmt, 0));
		strvec_push(&keys, db_text(stmt, 1));
	}
	if (got < 0)
		return -1;
	_cleanup_free_ struct sshd_entry *entries = xcalloc(names.n, sizeof(*entries));
	for (size_t i = 0; i < names.n; i++)
		entries[i] = (struct sshd_entry){names.v[i], keys.v[i]};
	return sshd_write_keys(c->inst, entries, names.n, err);
}
