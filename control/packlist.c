/* SPDX-License-Identifier: MIT */
#include "control/packlist.h"

#include <string.h>

#include "base/cleanup.h"

#define KEY "buildpacks"

static void add_lines(const char *text, struct strvec *out)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		if (len > 0)
			strvec_push_take(out, xstrndup(text, len));
		text += len + (text[len] == '\n');
	}
}

int packlist_load(struct db *db, int64_t app, struct strvec *out, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	if (setting_get(db, app, KEY, "", &text, err) < 0)
		return -1;
	add_lines(text, out);
	return 0;
}

int packlist_save(struct db *db, int64_t app, const struct strvec *packs, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	for (size_t i = 0; i < packs->n; i++)
		strbuf_addf(&text, "%s\n", packs->v[i]);
	return setting_set(db, app, KEY, packs->n ? text.data : NULL, err);
}

int packlist_all(struct db *db, struct strvec *out, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	int got;
	if (db_query(db, &stmt, err, "SELECT value FROM settings WHERE key = ?", "s", KEY) < 0)
		return -1;
	while ((got = db_next(db, stmt, err)) > 0)
		add_lines(db_text(stmt, 0), out);
	return got;
}
