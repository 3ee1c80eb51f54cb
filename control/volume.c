/* SPDX-License-Identifier: MIT */
#include "control/volume.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/strbuf.h"
#include "control/answer.h"
#include "control/deploy.h"
#include "runtime/client.h"

#define PATH_LONGEST 1000
#define BACKUP_MEMORY (512ull << 20)

void volume_mount_release(struct volume_mount *m)
{
	free(m->volume);
	free(m->path);
	free(m->app);
	*m = (struct volume_mount){0};
}

void volume_mounts_release(struct volume_mounts *m)
{
	for (size_t i = 0; i < m->n; i++)
		volume_mount_release(&m->v[i]);
	free(m->v);
	*m = (struct volume_mounts)VOLUME_MOUNTS_INIT;
}

int volume_check_name(const char *name, struct error *err)
{
	if (*name == '/')
		return error_set(err, ERROR_INVALID, 0,
				 "'%.80s' is a folder of the host: volumes have names, and "
				 "'storage:create NAME' makes one",
				 name);
	if (!name_is_id(name) || strlen(name) > VOLUME_NAME_MAX)
		return error_set(err, ERROR_INVALID, 0,
				 "'%.80s' is no name of a volume: at most %d lower-case letters, "
				 "digits, '-', '_' and '.', the first a letter or digit",
				 name, VOLUME_NAME_MAX);
	return 0;
}

static bool is_below(const char *path, const char *top)
{
	size_t len = strlen(top);
	return strncmp(path, top, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* What the kernel or Berth mounts, and what nothing could start without. */
static int check_place(const char *path, struct error *err)
{
	static const char *const whole[] = {"/proc",      "/sys",          "/dev",
					    "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"};
	static const char *const itself[] = {"/",        "/app",      "/etc",     "/usr",
					     "/bin",     "/sbin",     "/lib",     "/lib64",
					     "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64"};
	for (size_t i = 0; i < ARRAY_SIZE(whole); i++)
		if (is_below(path, whole[i]))
			return error_set(err, ERROR_INVALID, 0,
					 "nothing can be mounted at %s: choose another folder, "
					 "such as /app/data",
					 whole[i]);
	for (size_t i = 0; i < ARRAY_SIZE(itself); i++)
		if (strcmp(path, itself[i]) == 0)
			return error_set(err, ERROR_INVALID, 0,
					 "a volume on '%s' would hide what is there: choose a "
					 "folder below it, such as %s/data",
					 path, path[1] ? path : "");
	return 0;
}

static int check_path(const char *path, struct error *err)
{
	bool good = path[0] == '/' && strlen(path) <= PATH_LONGEST;
	for (const char *p = path; good && *p && p[1];) {
		size_t n = strcspn(p + 1, "/");
		good = n > 0 && strncmp(p + 1, ".", n) != 0 &&
		       !(n == 2 && strncmp(p + 1, "..", 2) == 0);
		p += n + 1;
	}
	for (const char *p = path; good && *p; p++)
		good = (unsigned char)*p >= 0x20 && *p != 0x7f;
	if (!good)
		return error_set(err, ERROR_INVALID, 0,
				 "'%.80s' is no place for a volume: an absolute path without '.', "
				 "'..' and '//'",
				 path);
	return check_place(path, err);
}

bool volume_is_place(const char *path)
{
	struct error ignored = ERROR_INIT;
	return check_path(path, &ignored) == 0;
}

int volume_parse(const char *text, struct volume_mount *out, struct error *err)
{
	struct volume_mount m = {0};
	const char *colon = strchr(text, ':');
	if (!colon)
		return error_set(err, ERROR_USAGE, 0, "expected NAME:/PATH[:ro], not '%.80s'",
				 text);
	m.volume = xstrndup(text, (size_t)(colon - text));
	m.path = xstrdup(colon + 1);
	char *mode = strchr(m.path, ':');
	if (mode)
		*mode++ = '\0';
	size_t len = strlen(m.path);
	if (len > 1 && m.path[len - 1] == '/')
		m.path[len - 1] = '\0';
	m.read_only = str_equal(mode, "ro");
	int result = volume_check_name(m.volume, err);
	if (result == 0 && mode && strcmp(mode, "ro") != 0 && strcmp(mode, "rw") != 0)
		result = error_set(err, ERROR_USAGE, 0,
				   "a volume is mounted 'ro' or 'rw', not '%.40s'", mode);
	if (result == 0)
		result = check_path(m.path, err);
	if (result < 0)
		volume_mount_release(&m);
	else
		*out = m;
	return result;
}

int volume_create(struct context *c, const char *name, struct error *err)
{
	if (volume_check_name(name, err) < 0)
		return -1;
	if (db_run(&c->db, err, "INSERT INTO volumes (name, created_at) VALUES (?, ?)", "si", name,
		   clock_unix_us()) == 0)
		return 0;
	if (db_is_duplicate(&c->db))
		error_set(err, ERROR_EXISTS, 0, "volume '%s' exists already", name);
	return -1;
}

int volume_find(struct context *c, const char *name, int64_t *out_created_at, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (volume_check_name(name, err) < 0 ||
	    db_query(&c->db, &stmt, err, "SELECT created_at FROM volumes WHERE name = ?", "s",
		     name) < 0)
		return -1;
	int got = db_next(&c->db, stmt, err);
	if (got == 0)
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "volume '%s' does not exist: 'storage:create %s' makes it", name,
				 name);
	if (got > 0 && out_created_at)
		*out_created_at = db_int(stmt, 0);
	return got < 0 ? -1 : 0;
}

int volume_list(struct context *c, struct strvec *out, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	if (db_query(&c->db, &stmt, err, "SELECT name FROM volumes ORDER BY name", "") < 0)
		return -1;
	int got;
	while ((got = db_next(&c->db, stmt, err)) > 0)
		strvec_push(out, db_text(stmt, 0));
	return got;
}

static int check_unmounted(struct context *c, const char *name, struct error *err)
{
	_cleanup_mounts_ struct volume_mounts all = VOLUME_MOUNTS_INIT;
	if (volume_mounts(c, 0, name, &all, err) < 0)
		return -1;
	if (all.n)
		return error_set(err, ERROR_BUSY, 0,
				 "app '%s' mounts volume '%s': 'storage:unmount %s %s:%s' first",
				 all.v[0].app, name, all.v[0].app, name, all.v[0].path);
	return 0;
}

/* The mounts that are gone may still be those of processes that run. */
static int explain_busy(const char *name, struct error *err)
{
	if (err && err->code == ERROR_BUSY)
		return error_set(err, ERROR_BUSY, 0,
				 "volume '%s' is in use: stop what mounted it, with 'ps:stop APP', "
				 "'run:stop APP --all' or, when the app mounts it no more, "
				 "'ps:restart APP'; or wait for the end of a restore",
				 name);
	return -1;
}

int volume_destroy(struct context *c, const char *name, struct error *err)
{
	if (volume_find(c, name, NULL, err) < 0 || check_unmounted(c, name, err) < 0)
		return -1;
	if (runtime_volume_remove(c->inst, name, err) < 0)
		return explain_busy(name, err);
	/* last, so that one that was cut short can be repeated; a mount made meanwhile keeps it */
	return db_run(&c->db, err, "DELETE FROM volumes WHERE name = ?", "s", name);
}

int volume_mounts(struct context *c, int64_t app, const char *name, struct volume_mounts *out,
		  struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	_cleanup_mounts_ struct volume_mounts all = VOLUME_MOUNTS_INIT;
	if (db_query(&c->db, &stmt, err,
		     "SELECT m.volume, m.path, a.name, m.read_only FROM mounts m"
		     " JOIN apps a ON a.id = m.app"
		     " WHERE (?1 = 0 OR m.app = ?1) AND (?2 IS NULL OR m.volume = ?2)"
		     " ORDER BY a.name, m.path",
		     "is", app, name) < 0)
		return -1;
	int got;
	while ((got = db_next(&c->db, stmt, err)) > 0) {
		all.v = xreallocarray(all.v, all.n + 1, sizeof(*all.v));
		all.v[all.n++] = (struct volume_mount){.volume = xstrdup(db_text(stmt, 0)),
						       .path = xstrdup(db_text(stmt, 1)),
						       .app = xstrdup(db_text(stmt, 2)),
						       .read_only = db_int(stmt, 3) != 0};
	}
	if (got < 0)
		return -1;
	*out = all;
	all = (struct volume_mounts)VOLUME_MOUNTS_INIT;
	return 0;
}

/* One volume inside another would be mounted where the first one's files say. */
static int check_beside(const struct app *app, const struct volume_mounts *all,
			const struct volume_mount *m, struct error *err)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct volume_mount *other = &all->v[i];
		if (strcmp(other->path, m->path) == 0)
			return error_set(err, ERROR_EXISTS, 0,
					 "app '%s' has volume '%s' on '%s' already", app->name,
					 other->volume, m->path);
		if (is_below(m->path, other->path) || is_below(other->path, m->path))
			return error_set(err, ERROR_INVALID, 0,
					 "'%s' and '%s', where app '%s' has volume '%s', lie in "
					 "each other: mount them side by side",
					 m->path, other->path, app->name, other->volume);
	}
	if (all->n >= VOLUME_MOUNTS_MAX)
		return error_set(err, ERROR_INVALID, 0, "an app has at most %d mounts",
				 VOLUME_MOUNTS_MAX);
	return 0;
}

static int insert_mount(struct context *c, const struct app *app, const struct volume_mount *m,
			struct error *err)
{
	_cleanup_mounts_ struct volume_mounts all = VOLUME_MOUNTS_INIT;
	if (volume_find(c, m->volume, NULL, err) < 0 ||
	    volume_mounts(c, app->id, NULL, &all, err) < 0 || check_beside(app, &all, m, err) < 0)
		return -1;
	return db_run(&c->db, err,
		      "INSERT INTO mounts (app, volume, path, read_only) VALUES (?, ?, ?, ?)",
		      "issi", app->id, m->volume, m->path, (int64_t)m->read_only);
}

int volume_mount(struct context *c, const struct app *app, const struct volume_mount *m,
		 struct error *err)
{
	if (db_begin(&c->db, err) < 0)
		return -1;
	if (insert_mount(c, app, m, err) < 0) {
		db_rollback(&c->db);
		return -1;
	}
	return db_commit(&c->db, err);
}

int volume_unmount(struct context *c, const struct app *app, const char *name, const char *path,
		   struct error *err)
{
	if (db_run(&c->db, err, "DELETE FROM mounts WHERE app = ? AND volume = ? AND path = ?",
		   "iss", app->id, name, path) < 0)
		return -1;
	if (db_changes(&c->db) == 0)
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "app '%s' has no volume '%s' on '%s': 'storage:list %s' shows "
				 "what it has",
				 app->name, name, path, app->name);
	return 0;
}

char *volume_folder(const char *path)
{
	size_t len = strlen(path);
	return xstrndup(path, len > 1 && path[len - 1] == '/' ? len - 1 : len);
}

int volume_note_unmounted(struct context *c, const struct app *app, const struct image *im,
			  struct error *err)
{
	_cleanup_mounts_ struct volume_mounts m = VOLUME_MOUNTS_INIT;
	const struct strvec *folders = &im->config.volumes;
	if (!im->container || folders->n == 0)
		return 0;
	if (volume_mounts(c, app->id, NULL, &m, err) < 0)
		return -1;
	for (size_t i = 0; i < folders->n; i++) {
		_cleanup_free_ char *folder = volume_folder(folders->v[i]);
		bool mounted = false;
		for (size_t k = 0; k < m.n; k++)
			mounted |= strcmp(m.v[k].path, folder) == 0;
		if (!mounted)
			answer_detail(
				c,
				"What is written to %s goes with its container: "
				"'storage:create NAME', then 'storage:mount %s NAME:%s' keep it",
				folder, app->name, folder);
	}
	return 0;
}

int volume_add(struct context *c, const struct app *app, struct container_spec *spec,
	       struct error *err)
{
	_cleanup_mounts_ struct volume_mounts all = VOLUME_MOUNTS_INIT;
	if (volume_mounts(c, app->id, NULL, &all, err) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++)
		container_spec_add_mount(spec, SPEC_MOUNT_VOLUME, all.v[i].volume, all.v[i].path,
					 all.v[i].read_only);
	return 0;
}

static void backup_spec(const char *stack, const char *name, struct container_spec *spec)
{
	static const char *const argv[] = {"tar",
					   "--create",
					   "--file=-",
					   "--format=pax",
					   "--numeric-owner",
					   "--sparse",
					   "--xattrs",
					   "--directory=/volume",
					   "."};
	char random[17];
	container_spec_init(spec);
	random_hex(random, 16);
	spec->id = xasprintf("backup-%s", random);
	spec->label = xstrdup("backup of a volume");
	/* the one that reads every owner's files, in its own user namespace, without a network */
	spec->profile = SPEC_LAYER;
	spec->limits.memory = BACKUP_MEMORY;
	strvec_pushf(&spec->layers, "layer/%s", stack);
	container_spec_add_mount(spec, SPEC_MOUNT_VOLUME, name, "/volume", true);
	strvec_push(&spec->env, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	strvec_push(&spec->env, "LANG=C.UTF-8");
	for (size_t i = 0; i < ARRAY_SIZE(argv); i++)
		strvec_push(&spec->argv, argv[i]);
}

int volume_backup(struct context *c, const char *name, int fd, bool *out_changed, struct error *err)
{
	_cleanup_spec_ struct container_spec spec;
	_cleanup_session_ struct runtime_session session = RUNTIME_SESSION_INIT;
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	_cleanup_free_ char *stack = NULL;
	const int stdio[3] = {null, fd, STDERR_FILENO};
	const struct app none = {0};
	struct runtime_result result = {0};
	uint64_t bytes;
	container_spec_init(&spec);
	/* mounting a volume makes it: that is left to the app that will own it */
	if (volume_find(c, name, NULL, err) < 0 ||
	    runtime_volume_size(c->inst, name, &bytes, err) < 0 ||
	    deploy_stack(c, &none, &stack, err) < 0)
		return -1;
	backup_spec(stack, name, &spec);
	if (runtime_attach(c->inst, &spec, stdio, &session, err) < 0 ||
	    runtime_session_wait(&session, &result, err) < 0)
		return error_wrap(err, "back volume '%s' up", name);
	/* tar(1): 1, some files changed while they were read */
	if (result.exit_code > 1)
		return error_set(err, ERROR_FAILED, 0,
				 "back volume '%s' up: tar ended with status %d", name,
				 result.exit_code);
	*out_changed = result.exit_code == 1;
	return 0;
}

int volume_restore_from(struct context *c, const char *name, int fd, struct error *err)
{
	_cleanup_mounts_ struct volume_mounts all = VOLUME_MOUNTS_INIT;
	struct app owner = {0};
	if (volume_find(c, name, NULL, err) < 0 || volume_mounts(c, 0, name, &all, err) < 0 ||
	    (all.n && app_find(&c->db, all.v[0].app, &owner, err) < 0))
		return -1;
	if (runtime_volume_restore(c->inst, name, owner.range, fd, err) < 0)
		return explain_busy(name, err);
	return 0;
}
