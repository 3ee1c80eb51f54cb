/* SPDX-License-Identifier: MIT */
#include "control/leftover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "control/app.h"
#include "control/build.h"
#include "control/detached.h"
#include "control/process.h"
#include "receiver/export.h"
#include "receiver/gitdir.h"
#include "receiver/submodule.h"
#include "router/router.h"
#include "runtime/client.h"

struct search {
	struct context *c;
	bool dry;
	struct strvec *out;
};

static int remove_file(const struct search *s, int dir, const char *name, struct error *err)
{
	if (!s->dry && unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return error_set(err, ERROR_SYSTEM, errno, "remove '%s'", name);
	return 0;
}

/* Whether there is an app of this name, or with BY_ID of this text id (app_text_id). To be asked
 * after it was found somewhere: an app's row comes before all else of it. */
static int has_app(struct search *s, bool by_id, const char *app, bool *out, struct error *err)
{
	return db_has(&s->c->db, out, err,
		      by_id ? "SELECT 1 FROM apps WHERE 'app-' || id = ?"
			    : "SELECT 1 FROM apps WHERE name = ?",
		      "s", app);
}

/* "app-12", and nothing else */
static bool is_text_id(const char *s)
{
	const char *digits = str_skip(s, "app-");
	return digits && *digits && digits[strspn(digits, "0123456789")] == '\0';
}

/* --- containers ---------------------------------------------------------------------------------
 */

/* Whether some release of APP has VALUE in COLUMN. */
static int has_release(struct search *s, const char *column, int64_t app, int64_t value, bool *out,
		       struct error *err)
{
	_cleanup_free_ char *sql =
		xasprintf("SELECT 1 FROM releases WHERE app = ? AND %s = ?", column);
	return db_has(&s->c->db, out, err, sql, "ii", app, value);
}

static int end_container(struct search *s, const char *id, struct error *err)
{
	if (!s->dry && runtime_stop(s->c->inst, id, -1, err) < 0)
		return -1;
	strvec_pushf(s->out, "container %s of no release", id);
	return 0;
}

static int find_containers(struct search *s, struct error *err)
{
	_cleanup_free_ struct process *all = NULL;
	_cleanup_free_ struct detached *oneoffs = NULL;
	size_t n = 0, n_oneoffs = 0;
	bool has = true;
	/* listed before the releases are looked up: a container comes after its release */
	if (process_list(s->c->inst, 0, &all, &n, err) < 0 ||
	    detached_list(s->c->inst, 0, &oneoffs, &n_oneoffs, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (has_release(s, "generation", all[i].app, all[i].generation, &has, err) < 0 ||
		    (!has && end_container(s, all[i].status.id, err) < 0))
			return -1;
	for (size_t i = 0; i < n_oneoffs; i++) {
		const struct detached *d = &oneoffs[i];
		/* an attached one goes with its session */
		if (!d->attached && (has_release(s, "version", d->app, d->release, &has, err) < 0 ||
				     (!has && end_container(s, d->status.id, err) < 0)))
			return -1;
	}
	return 0;
}

/* --- what is kept for each app ------------------------------------------------------------------
 */

static int find_logs(struct search *s, struct error *err)
{
	_cleanup_strvec_ struct strvec ids = STRVEC_INIT;
	bool has;
	if (runtime_logs_list(s->c->inst, &ids, err) < 0)
		return -1;
	for (size_t i = 0; i < ids.n; i++) {
		/* Berth's own logs are there too */
		if (!is_text_id(ids.v[i]))
			continue;
		if (has_app(s, true, ids.v[i], &has, err) < 0 ||
		    (!has && !s->dry && runtime_logs_remove(s->c->inst, ids.v[i], err) < 0))
			return -1;
		if (!has)
			strvec_pushf(s->out, "logs %s of no app", ids.v[i]);
	}
	return 0;
}

/* An app's own is named by its text id; those of its Dockerfile by that, a dot and a hash, and what
 * a step had for itself "build-" and a number: no build runs that could need them. */
static int find_caches(struct search *s, const struct strvec *kept, struct error *err)
{
	_cleanup_strvec_ struct strvec ids = STRVEC_INIT;
	if (runtime_cache_list(s->c->inst, &ids, err) < 0)
		return -1;
	for (size_t i = 0; i < ids.n; i++) {
		_cleanup_free_ char *app = xstrndup(ids.v[i], strcspn(ids.v[i], "."));
		bool has = strvec_has(kept, ids.v[i]);
		if (!is_text_id(app) && !str_starts(app, "build-"))
			continue;
		if (strcmp(app, ids.v[i]) == 0 && has_app(s, true, app, &has, err) < 0)
			return -1;
		if (!has && !s->dry && runtime_cache_remove(s->c->inst, ids.v[i], err) < 0)
			return -1;
		if (!has)
			strvec_pushf(s->out, "cache %s of no app", ids.v[i]);
	}
	return 0;
}

/* A folder below lib with a file for each app, "APP""SUFFIX". */
struct shelf {
	const char *path, *suffix;
	bool by_id;
};

static int sweep_file(struct search *s, const struct shelf *shelf, int dir, const char *name,
		      struct error *err)
{
	size_t len = strlen(name), end = strlen(shelf->suffix);
	bool has;
	if (len <= end || strcmp(name + len - end, shelf->suffix) != 0)
		return 0;
	_cleanup_free_ char *app = xstrndup(name, len - end);
	if (shelf->by_id ? !is_text_id(app) : name_check_app(app, NULL) < 0)
		return 0;
	if (has_app(s, shelf->by_id, app, &has, err) < 0)
		return -1;
	if (!has && remove_file(s, dir, name, err) < 0)
		return -1;
	if (!has)
		strvec_pushf(s->out, "file %s/%s of no app", shelf->path, name);
	return 0;
}

static int sweep_shelf(struct search *s, const struct shelf *shelf, struct error *err)
{
	_cleanup_free_ char *path = instance_lib(s->c->inst, "%s", shelf->path);
	DIR *dir = opendir(path);
	int result = 0;
	if (!dir)
		return errno == ENOENT ? 0 : error_set(err, ERROR_SYSTEM, errno, "list '%s'", path);
	for (struct dirent *e; result == 0 && (e = readdir(dir));)
		result = sweep_file(s, shelf, dirfd(dir), e->d_name, err);
	closedir(dir);
	return result;
}

static int find_routes(struct search *s, struct error *err)
{
	_cleanup_strvec_ struct strvec routed = STRVEC_INIT;
	bool has;
	if (router_list(s->c->inst, &routed, err) < 0)
		return -1;
	for (size_t i = 0; i < routed.n; i++) {
		if (has_app(s, false, routed.v[i], &has, err) < 0 ||
		    (!has && !s->dry && router_remove(s->c->inst, routed.v[i], err) < 0))
			return -1;
		if (!has)
			strvec_pushf(s->out, "route of %s, which is no app", routed.v[i]);
	}
	return 0;
}

/* While one is renamed its files have either name. */
static int is_renaming(struct search *s, bool *out, struct error *err)
{
	return db_has(&s->c->db, out, err, "SELECT 1 FROM settings WHERE key = 'rename-to'", "");
}

static int find_files(struct search *s, struct error *err)
{
	static const struct shelf shelves[] = {{"dockerfiles", "", true},
					       {"builds", ".cached", true},
					       {"events", ".log", false},
					       {"router/logs", ".log", false},
					       {"router/logs", ".log.1", false}};
	bool renaming;
	if (is_renaming(s, &renaming, err) < 0 || (!renaming && find_routes(s, err) < 0))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(shelves); i++)
		if ((shelves[i].by_id || !renaming) && sweep_shelf(s, &shelves[i], err) < 0)
			return -1;
	return 0;
}

static int find_trees(struct search *s, const struct strvec *trees, struct error *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	if (app_names(&s->c->db, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++)
		if (gitdir_exists(s->c->inst, names.v[i]) &&
		    submodule_collect(s->c->inst, names.v[i], trees, s->dry, s->out, err) < 0)
			return -1;
	return 0;
}

/* --- half-written files ------------------------------------------------------------------------
 */

static int find_half_written(struct search *s, struct error *err)
{
	static const char *const folders[] = {".",      "images", "dockerfiles", "builds",
					      "events", "router", "git",         "router/pages"};
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		_cleanup_strvec_ struct strvec found = STRVEC_INIT;
		_cleanup_free_ char *path = instance_lib(s->c->inst, "%s", folders[i]);
		_cleanup_close_ int dir =
			open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (dir < 0 && errno == ENOENT)
			continue;
		if (dir < 0)
			return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
		if (file_find_temporary(dir, &found, err) < 0)
			return -1;
		for (size_t n = 0; n < found.n; n++) {
			if (remove_file(s, dir, found.v[n], err) < 0)
				return -1;
			strvec_pushf(s->out, "half-written file %s/%s", folders[i], found.v[n]);
		}
	}
	return export_sweep(s->c->inst, s->dry, s->out, err);
}

int leftover_remove(struct context *c, const struct strvec *trees, const struct strvec *caches,
		    bool dry, struct strvec *out, struct error *err)
{
	struct search s = {c, dry, out};
	/* routes before the containers that they lead to */
	return find_files(&s, err) < 0 || find_containers(&s, err) < 0 ||
			       find_caches(&s, caches, err) < 0 || find_logs(&s, err) < 0 ||
			       find_trees(&s, trees, err) < 0 ||
			       build_sweep(c, dry, out, err) < 0 || find_half_written(&s, err) < 0
		       ? -1
		       : 0;
}
