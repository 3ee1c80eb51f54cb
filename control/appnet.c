/* SPDX-License-Identifier: MIT */
#include "control/appnet.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "control/egress.h"
#include "control/hosts.h"
#include "resolver/reach.h"
#include "runtime/client.h"

#define DNS_PORT 53
/* For looking up all hosts. */
#define REFRESH_MS 20000

/* Both ends of what is allowed, each pair once. */
#define PAIRS                                                                                      \
	"SELECT a.range, b.range FROM"                                                             \
	" (SELECT x.app AS f, y.app AS t FROM attachments x JOIN attachments y USING (network)"    \
	" UNION SELECT app, target FROM links) JOIN apps a ON a.id = f JOIN apps b ON b.id = t"

/* The hosts that egress policies name. */
static int load_hosts(struct context *c, struct strvec *out, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *settings = NULL;
	int got;
	if (db_query(&c->db, &settings, err, "SELECT value FROM settings WHERE key = ?", "s",
		     EGRESS_KEY) < 0)
		return -1;
	while ((got = db_next(&c->db, settings, err)) > 0)
		if (egress_hosts(db_text(settings, 0), out, err) < 0)
			return -1;
	return got;
}

/* What is known of the hosts, with what FOUND has just brought; in a transaction. It is noted when
 * the rules know it too: what was told to nobody must be news the next time. */
static int known_hosts(struct context *c, const struct hosts *found, struct hosts *h,
		       struct error *err)
{
	_cleanup_strvec_ struct strvec named = STRVEC_INIT;
	if (load_hosts(c, &named, err) < 0 || hosts_read(h, c->inst, err) < 0)
		return -1;
	hosts_merge(h, found);
	hosts_trim(h, &named, clock_unix_us() / 1000000);
	return 0;
}

/* The apps' closed egress; for the resolver, which app may ask for which host. */
static int load_egress(struct context *c, const struct hosts *h, struct policy *p, struct reach *r,
		       struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *settings = NULL;
	int got;
	if (db_query(&c->db, &settings, err,
		     "SELECT range, value FROM settings JOIN apps ON apps.id = app"
		     " WHERE key = ?",
		     "s", EGRESS_KEY) < 0)
		return -1;
	while ((got = db_next(&c->db, settings, err)) > 0) {
		_cleanup_strvec_ struct strvec named = STRVEC_INIT;
		unsigned range = (unsigned)db_int(settings, 0);
		const char *value = db_text(settings, 1);
		if (egress_add(p, range, value, h, err) < 0 || egress_hosts(value, &named, err) < 0)
			return -1;
		for (size_t i = 0; i < h->n; i++)
			if (strvec_has(&named, h->list[i].name))
				reach_add_host(r, range, h->list[i].name, h->list[i].addr);
	}
	return got;
}

static int load_links(struct context *c, struct policy *p, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *pairs = NULL;
	int got;
	if (db_query(&c->db, &pairs, err, PAIRS, "") < 0)
		return -1;
	while ((got = db_next(&c->db, pairs, err)) > 0)
		policy_add_link(p, (uint32_t)db_int(pairs, 0), (uint32_t)db_int(pairs, 1));
	return got;
}

/* The same for who answers for names. */
static int publish_reach(struct context *c, const struct policy *p, struct reach *r,
			 struct error *err)
{
	for (size_t i = 0; i < p->n_links; i++)
		reach_add_link(r, p->links[i].from, p->links[i].to);
	for (size_t i = 0; i < p->n_closed; i++)
		reach_add_closed(r, p->closed[i]);
	for (size_t i = 0; i < p->n_rules; i++)
		if (p->rules[i].port == 0 || p->rules[i].port == DNS_PORT)
			reach_add_server(r, p->rules[i].range, p->rules[i].addr, p->rules[i].bits);
	return reach_publish(r, c->inst, err);
}

static int send_policy_with(struct context *c, const struct hosts *h, struct error *err)
{
	_cleanup_policy_ struct policy p = POLICY_INIT;
	_cleanup_reach_ struct reach r = REACH_INIT;
	/* the rules first: an app that knows an address can use it */
	return load_links(c, &p, err) < 0 || load_egress(c, h, &p, &r, err) < 0 ||
			       runtime_set_policy(c->inst, &p, err) < 0 ||
			       publish_reach(c, &p, &r, err) < 0 || hosts_write(h, c->inst, err) < 0
		       ? -1
		       : 0;
}

/* Within a transaction: only one at a time sends, and what is sent is what is committed. */
static int send_policy(struct context *c, const struct hosts *found, struct error *err)
{
	_cleanup_hosts_ struct hosts h = HOSTS_INIT;
	return known_hosts(c, found, &h, err) < 0 ? -1 : send_policy_with(c, &h, err);
}

int appnet_apply(struct context *c, struct error *err)
{
	const struct hosts none = HOSTS_INIT;
	if (db_begin(&c->db, err) < 0)
		return -1;
	int result = send_policy(c, &none, err);
	db_rollback(&c->db);
	return result;
}

/* With what FOUND has brought; the rules are left alone when that is nothing new. */
static int apply_found(struct context *c, const struct hosts *found, struct error *err)
{
	_cleanup_hosts_ struct hosts before = HOSTS_INIT, after = HOSTS_INIT;
	if (hosts_read(&before, c->inst, err) < 0 || known_hosts(c, found, &after, err) < 0)
		return -1;
	return hosts_equal(&before, &after) ? hosts_write(&after, c->inst, err)
					    : send_policy_with(c, &after, err);
}

int appnet_refresh(struct context *c, struct error *err)
{
	_cleanup_strvec_ struct strvec named = STRVEC_INIT;
	_cleanup_hosts_ struct hosts found = HOSTS_INIT;
	struct error ignored = ERROR_INIT;
	int64_t end = clock_ms() + REFRESH_MS;
	if (load_hosts(c, &named, err) < 0)
		return -1;
	/* what cannot be found now stays as it was; not for ever, and the next minute's is coming
	 */
	for (size_t i = 0; i < named.n && clock_ms() < end; i++)
		hosts_look_up(&found, named.v[i], &ignored);
	if (named.n == 0)
		return 0;
	if (db_begin(&c->db, err) < 0)
		return -1;
	int result = apply_found(c, &found, err);
	db_rollback(&c->db);
	return result;
}

/* Ends the transaction in which a change was made with RESULT. */
static int finish_with(struct context *c, int result, const struct hosts *found, struct error *err)
{
	struct error ignored = ERROR_INIT;
	if (result == 0 && send_policy(c, found, err) == 0 && db_commit(&c->db, err) == 0)
		return 0;
	db_rollback(&c->db);
	/* it may have been told of what is not so now */
	if (result == 0)
		appnet_apply(c, &ignored);
	return -1;
}

static int finish(struct context *c, int result, struct error *err)
{
	const struct hosts none = HOSTS_INIT;
	return finish_with(c, result, &none, err);
}

static int check_name(const char *name, struct error *err)
{
	if (!name_is_id(name) || strlen(name) > APPNET_NAME_MAX)
		return error_set(err, ERROR_INVALID, 0,
				 "'%.80s' is no name of a network: at most %d lower-case letters, "
				 "digits, '-', '_' and '.', the first a letter or digit",
				 name, APPNET_NAME_MAX);
	return 0;
}

int appnet_create(struct context *c, const char *name, struct error *err)
{
	if (check_name(name, err) < 0)
		return -1;
	if (db_run(&c->db, err, "INSERT INTO networks (name, created_at) VALUES (?, ?)", "si", name,
		   clock_unix_us()) == 0)
		return 0;
	if (db_is_duplicate(&c->db))
		error_set(err, ERROR_EXISTS, 0, "network '%s' exists already", name);
	return -1;
}

int appnet_find(struct context *c, const char *name, int64_t *out_created_at, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (check_name(name, err) < 0 ||
	    db_query(&c->db, &stmt, err, "SELECT created_at FROM networks WHERE name = ?", "s",
		     name) < 0)
		return -1;
	int got = db_next(&c->db, stmt, err);
	if (got == 0)
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "network '%s' does not exist: 'network:create %s' makes it", name,
				 name);
	if (got > 0 && out_created_at)
		*out_created_at = db_int(stmt, 0);
	return got < 0 ? -1 : 0;
}

/* The first column of what SQL gives for one text or number. */
static int collect(struct context *c, struct strvec *out, struct error *err, sqlite3_stmt *stmt)
{
	int got;
	while ((got = db_next(&c->db, stmt, err)) > 0)
		strvec_push(out, db_text(stmt, 0));
	return got;
}

int appnet_list(struct context *c, struct strvec *out, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (db_query(&c->db, &stmt, err, "SELECT name FROM networks ORDER BY name", "") < 0)
		return -1;
	return collect(c, out, err, stmt);
}

int appnet_apps(struct context *c, const char *name, struct strvec *out, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (db_query(&c->db, &stmt, err,
		     "SELECT name FROM attachments JOIN apps ON id = app WHERE network = ?"
		     " ORDER BY name",
		     "s", name) < 0)
		return -1;
	return collect(c, out, err, stmt);
}

int appnet_of(struct context *c, const struct app *app, struct strvec *out, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (db_query(&c->db, &stmt, err,
		     "SELECT network FROM attachments WHERE app = ? ORDER BY network", "i",
		     app->id) < 0)
		return -1;
	return collect(c, out, err, stmt);
}

int appnet_destroy(struct context *c, const char *name, struct error *err)
{
	_cleanup_strvec_ struct strvec apps = STRVEC_INIT;
	if (appnet_find(c, name, NULL, err) < 0 || appnet_apps(c, name, &apps, err) < 0)
		return -1;
	if (apps.n)
		return error_set(err, ERROR_BUSY, 0,
				 "app '%s' is attached to network '%s': 'network:detach %s %s' "
				 "first",
				 apps.v[0], name, apps.v[0], name);
	/* one that an app was attached to meanwhile stays: its row is referred to */
	return db_run(&c->db, err, "DELETE FROM networks WHERE name = ?", "s", name);
}

int appnet_join(struct context *c, const struct app *app, const char *name, struct error *err)
{
	if (db_begin(&c->db, err) < 0)
		return -1;
	int result = appnet_find(c, name, NULL, err);
	if (result == 0 &&
	    db_run(&c->db, err, "INSERT INTO attachments (network, app) VALUES (?, ?)", "si", name,
		   app->id) < 0) {
		if (db_is_duplicate(&c->db))
			error_set(err, ERROR_EXISTS, 0, "app '%s' is attached to '%s' already",
				  app->name, name);
		result = -1;
	}
	return finish(c, result, err);
}

int appnet_leave(struct context *c, const struct app *app, const char *name, struct error *err)
{
	if (db_begin(&c->db, err) < 0)
		return -1;
	int result = appnet_find(c, name, NULL, err);
	if (result == 0)
		result =
			db_run(&c->db, err, "DELETE FROM attachments WHERE network = ? AND app = ?",
			       "si", name, app->id);
	if (result == 0 && db_changes(&c->db) == 0)
		result = error_set(err, ERROR_NOT_FOUND, 0,
				   "app '%s' is not attached to network '%s': 'network:report %s' "
				   "shows its networks",
				   app->name, name, app->name);
	return finish(c, result, err);
}

static int change_links(struct context *c, const struct app *app, const struct strvec *names,
			const char *sql, struct error *err)
{
	int result = 0;
	if (db_begin(&c->db, err) < 0)
		return -1;
	for (size_t i = 0; result == 0 && i < names->n; i++) {
		struct app target;
		result = app_find(&c->db, names->v[i], &target, err);
		if (result == 0)
			result = db_run(&c->db, err, sql, "ii", app->id, target.id);
	}
	return finish(c, result, err);
}

int appnet_link(struct context *c, const struct app *app, const struct strvec *names,
		struct error *err)
{
	return change_links(c, app, names,
			    "INSERT OR IGNORE INTO links (app, target) VALUES (?, ?)", err);
}

int appnet_unlink(struct context *c, const struct app *app, const struct strvec *names,
		  struct error *err)
{
	return change_links(c, app, names, "DELETE FROM links WHERE app = ? AND target = ?", err);
}

int appnet_links(struct context *c, const struct app *app, bool incoming, struct strvec *out,
		 struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (db_query(&c->db, &stmt, err,
		     incoming ? "SELECT name FROM links JOIN apps ON id = app WHERE target = ?"
				" ORDER BY name"
			      : "SELECT name FROM links JOIN apps ON id = target WHERE app = ?"
				" ORDER BY name",
		     "i", app->id) < 0)
		return -1;
	return collect(c, out, err, stmt);
}

int appnet_is_reached(struct context *c, const struct app *app, bool *out, struct error *err)
{
	return db_has(&c->db, out, err,
		      "SELECT 1 FROM links WHERE target = ?1 UNION ALL"
		      " SELECT 1 FROM attachments WHERE app = ?1",
		      "i", app->id);
}

int appnet_set_egress(struct context *c, const struct app *app, const char *value,
		      struct error *err)
{
	_cleanup_strvec_ struct strvec named = STRVEC_INIT;
	_cleanup_hosts_ struct hosts found = HOSTS_INIT;
	if (value && egress_hosts(value, &named, err) < 0)
		return -1;
	/* a name that is mistyped is better said at once; and nobody waits for this in a
	 * transaction
	 */
	for (size_t i = 0; i < named.n; i++)
		if (hosts_look_up(&found, named.v[i], err) < 0)
			return -1;
	if (db_begin(&c->db, err) < 0)
		return -1;
	return finish_with(c, setting_set(&c->db, app->id, EGRESS_KEY, value, err), &found, err);
}
