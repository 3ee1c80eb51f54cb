/* SPDX-License-Identifier: MIT */
#include "control/domain.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

int domain_list(struct db *db, int64_t app, struct strvec *out, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (db_query(db, &stmt, err, "SELECT domain FROM domains WHERE app = ? ORDER BY rowid", "i",
		     app) < 0)
		return -1;
	int got;
	while ((got = db_next(db, stmt, err)) > 0)
		strvec_push(out, db_text(stmt, 0));
	return got;
}

static char *lower(const char *name)
{
	char *s = xstrdup(name);
	for (char *p = s; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	return s;
}

int domain_add(struct context *c, const struct app *app, const char *name, struct error *err)
{
	_cleanup_free_ char *domain = lower(name);
	const char *api = instance_setting(c->inst, "http", "api-host", "berth.localhost");
	if (name_check_domain(domain, err) < 0)
		return -1;
	if (strcmp(domain, api) == 0)
		return error_set(err, ERROR_EXISTS, 0, "'%s' is this server's own API", domain);
	if (db_run(&c->db, err, "INSERT INTO domains (domain, app) VALUES (?, ?)", "si", domain,
		   app->id) == 0)
		return 0;
	if (!db_is_duplicate(&c->db))
		return -1;
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (db_query(&c->db, &stmt, err,
		     "SELECT a.name FROM domains d JOIN apps a ON a.id = d.app WHERE d.domain = ?",
		     "s", domain) < 0 ||
	    db_next(&c->db, stmt, err) <= 0)
		return -1;
	if (strcmp(db_text(stmt, 0), app->name) == 0)
		return 0;
	return error_set(err, ERROR_EXISTS, 0,
			 "domain '%s' belongs to app '%s': remove it there first with "
			 "'domains:remove %s %s'",
			 domain, db_text(stmt, 0), db_text(stmt, 0), domain);
}

int domain_remove(struct context *c, const struct app *app, const char *name, struct error *err)
{
	_cleanup_free_ char *domain = lower(name);
	if (db_run(&c->db, err, "DELETE FROM domains WHERE domain = ? AND app = ?", "si", domain,
		   app->id) < 0)
		return -1;
	if (db_changes(&c->db) == 0)
		return error_set(err, ERROR_NOT_FOUND, 0, "app '%s' does not have domain '%s'",
				 app->name, domain);
	return 0;
}

char *domain_default(const struct context *c, const char *app)
{
	const char *domain = instance_setting(c->inst, "http", "domain", NULL);
	return domain && *domain ? xasprintf("%s.%s", app, domain) : NULL;
}
