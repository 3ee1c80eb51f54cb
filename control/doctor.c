/* SPDX-License-Identifier: MIT */
#include "control/doctor.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "control/app.h"
#include "control/collect.h"
#include "control/deploy.h"
#include "control/detached.h"
#include "control/process.h"
#include "control/release.h"

#define DISK_FREE_MIN (512ull << 20)

struct doctor {
	struct context *c;
	json_t *rows;
	size_t wrong;
};

static void note(struct doctor *d, const char *check, const char *result, const char *detail)
{
	json_array_append_new(d->rows, json_pack("{s:s, s:s, s:s}", "result", result, "check",
						 check, "detail", detail));
	d->wrong += strcmp(result, "wrong") == 0;
}

static void check_database(struct doctor *d)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	struct error err = ERROR_INIT;
	if (db_query(&d->c->db, &stmt, &err, "PRAGMA quick_check(1)", "") < 0 ||
	    db_next(&d->c->db, stmt, &err) <= 0)
		note(d, "database", "wrong", err.message);
	else if (strcmp(db_text(stmt, 0), "ok") != 0)
		note(d, "database", "wrong", db_text(stmt, 0));
	else
		note(d, "database", "ok", "berth.db is whole");
}

static void check_socket(struct doctor *d, const char *check, const char *name, int type)
{
	_cleanup_free_ char *path = instance_run(d->c->inst, "%s", name);
	_cleanup_close_ int fd = -1;
	struct error err = ERROR_INIT;
	if (sock_connect(path, type, &fd, &err) < 0)
		note(d, check, "wrong", err.message);
	else
		note(d, check, "ok", "answers");
}

static void check_disk(struct doctor *d)
{
	struct statvfs fs;
	char text[120];
	if (statvfs(d->c->inst->lib, &fs) < 0) {
		note(d, "disk", "wrong", "the state's folder cannot be looked at");
		return;
	}
	unsigned long long avail = (unsigned long long)fs.f_bavail * fs.f_frsize;
	snprintf(text, sizeof(text), "%llu MB free below %s", avail >> 20, d->c->inst->lib);
	note(d, "disk", avail < DISK_FREE_MIN ? "wrong" : "ok", text);
}

static void check_stack(struct doctor *d)
{
	struct app none = {0};
	_cleanup_free_ char *stack = NULL;
	struct error err = ERROR_INIT;
	if (deploy_stack(d->c, &none, &stack, &err) < 0)
		note(d, "stack", "wrong", err.message);
	else
		note(d, "stack", "ok", stack);
}

static void check_leftovers(struct doctor *d)
{
	_cleanup_strvec_ struct strvec found = STRVEC_INIT;
	struct error err = ERROR_INIT;
	if (collect_leftovers(d->c, true, &found, &err) < 0) {
		note(d, "leftovers", "wrong", err.message);
		return;
	}
	for (size_t i = 0; i < found.n; i++)
		note(d, "leftovers", "warning", found.v[i]);
	if (found.n == 0)
		note(d, "leftovers", "ok", "nothing is there that nobody owns");
}

/* Every process that should run does. */
static void check_app(struct doctor *d, const char *name, const struct process *all, size_t n)
{
	struct app app;
	_cleanup_release_ struct release r;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;
	size_t want = 0, up = 0;
	release_init(&r);
	if (app_find(&d->c->db, name, &app, &err) < 0 || app.release == 0 || app.stopped ||
	    release_load(d->c, &app, 0, &r, &err) < 0 || !r.image)
		return;
	for (size_t i = 0; i < r.formation.n; i++) {
		_cleanup_free_ char *type =
			xstrndup(r.formation.v[i], strcspn(r.formation.v[i], "="));
		want += formation_get(&r.formation, type, 0);
	}
	for (size_t i = 0; i < n; i++)
		up += all[i].app == app.id && all[i].generation == r.generation &&
		      all[i].status.state == CONTAINER_RUNNING;
	if (up >= want)
		return;
	strbuf_addf(&text, "%s: %zu of %zu processes run: see 'logs %s', then 'ps:start %s'", name,
		    up, want, name, name);
	note(d, "apps", "wrong", text.data);
}

static void check_apps(struct doctor *d)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	_cleanup_free_ struct process *all = NULL;
	_cleanup_free_ struct detached *oneoffs = NULL;
	struct error err = ERROR_INIT;
	size_t n = 0, n_oneoffs = 0, run = 0, before = d->wrong;
	char text[96];
	if (app_names(&d->c->db, &names, &err) < 0 ||
	    process_list(d->c->inst, 0, &all, &n, &err) < 0 ||
	    detached_list(d->c->inst, 0, &oneoffs, &n_oneoffs, &err) < 0) {
		note(d, "apps", "wrong", err.message);
		return;
	}
	for (size_t i = 0; i < names.n; i++)
		check_app(d, names.v[i], all, n);
	for (size_t i = 0; i < n_oneoffs; i++)
		run += oneoffs[i].status.state == CONTAINER_RUNNING;
	snprintf(text, sizeof(text), "%zu apps, %zu processes, %zu one-offs", names.n, n, run);
	if (d->wrong == before)
		note(d, "apps", "ok", text);
}

size_t doctor_run(struct context *c, json_t *rows)
{
	struct doctor d = {.c = c, .rows = rows};
	check_database(&d);
	check_socket(&d, "runtime", "runtime.sock", SOCK_STREAM);
	check_socket(&d, "resolver", "resolver.sock", SOCK_STREAM);
	check_socket(&d, "router", "router/control.sock", SOCK_STREAM);
	check_socket(&d, "web", "web.sock", SOCK_STREAM);
	check_socket(&d, "plugins", "plugins.sock", SOCK_STREAM);
	check_disk(&d);
	check_stack(&d);
	check_leftovers(&d);
	check_apps(&d);
	return d.wrong;
}
