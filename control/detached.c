/* SPDX-License-Identifier: MIT */
#include "control/detached.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/random.h"

#define NAME_TRIES 20

static bool parse_label(const char *label, struct detached *d)
{
	long long app, release;
	unsigned ttl;
	char kind, name[DETACHED_NAME_MAX + 1];
	int end = 0;
	if (sscanf(label, "%c %lld %lld %u %40s %n", &kind, &app, &release, &ttl, name, &end) !=
		    5 ||
	    end == 0 || (kind != 'd' && kind != 'r') ||
	    (!str_starts(name, "run.") && !str_starts(name, "cron.")))
		return false;
	d->app = app;
	d->release = release;
	d->ttl_s = ttl;
	d->attached = kind == 'r';
	memcpy(d->name, name, sizeof(d->name));
	snprintf(d->command, sizeof(d->command), "%s", label + end);
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct detached *x = a, *y = b;
	if (x->status.started_us != y->status.started_us)
		return x->status.started_us < y->status.started_us ? -1 : 1;
	return strcmp(x->name, y->name);
}

int detached_list(const struct instance *inst, int64_t app, struct detached **out, size_t *out_n,
		  struct error *err)
{
	_cleanup_free_ struct container_status *all = NULL;
	size_t n_all = 0, n = 0;
	if (process_containers(inst, app, &all, &n_all, err) < 0)
		return -1;
	struct detached *list = xcalloc(n_all, sizeof(*list));
	for (size_t i = 0; i < n_all; i++) {
		if (!parse_label(all[i].label, &list[n]) || (app && list[n].app != app))
			continue;
		list[n++].status = all[i];
	}
	if (n > 1)
		qsort(list, n, sizeof(*list), compare);
	*out = list;
	*out_n = n;
	return 0;
}

const char *detached_state_name(const struct detached *d)
{
	return d->status.state == CONTAINER_EXITED ? "exited" : process_state_name(d->status.state);
}

static char *log_path(const struct instance *inst, const struct app *app, const char *name)
{
	_cleanup_free_ char *folder = app_text_id(app);
	return instance_lib(inst, "logs/%s/%s.log", folder, name);
}

/* One that nobody has and that has no log: a log tells of one run only. */
static int choose_name(const struct instance *inst, const struct app *app, char *out,
		       struct error *err)
{
	for (int i = 0; i < NAME_TRIES; i++) {
		char suffix[5];
		struct stat st;
		random_hex(suffix, 4);
		snprintf(out, DETACHED_NAME_MAX + 1, "run.%s", suffix);
		_cleanup_free_ char *path = log_path(inst, app, out);
		if (stat(path, &st) < 0)
			return 0;
	}
	return error_set(err, ERROR_BUSY, 0,
			 "no name is free for a one-off of '%s': 'run:retire %s' forgets those "
			 "that have ended",
			 app->name, app->name);
}

int detached_start(struct context *c, const struct app *app, const struct release *r,
		   const struct image *im, const struct oneoff *one, char *out_name,
		   struct error *err)
{
	_cleanup_spec_ struct container_spec spec;
	struct oneoff named = *one;
	char address[RUNTIME_ADDRESS_MAX], name[DETACHED_NAME_MAX + 1];
	struct error gone = ERROR_INIT;
	struct app now;
	if (one->name)
		snprintf(name, sizeof(name), "%s", one->name);
	else if (choose_name(c->inst, app, name, err) < 0)
		return -1;
	named.name = name;
	named.terminal = false;
	if (oneoff_spec(c, app, r, im, &named, 'd', &spec, err) < 0)
		return -1;
	spec.log_app = app_text_id(app);
	spec.log_name = xstrdup(name);
	if (runtime_start(c->inst, &spec, address, err) < 0)
		return error_wrap(err, "start %s", name);
	/* no lock keeps a destruction out, and it may have listed the containers before this one */
	if (app_find_id(&c->db, app->id, &now, &gone) < 0 && gone.code == ERROR_NO_APP) {
		runtime_stop(c->inst, spec.id, 0, &gone);
		return error_set(err, ERROR_NO_APP, 0, "app '%s' was destroyed", app->name);
	}
	memcpy(out_name, name, sizeof(name));
	return 0;
}

/* When the file was last written: the shim's last line says that the program ended. 0: no file. */
static time_t written(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? st.st_mtime : 0;
}

static const struct detached *find(const struct detached *all, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i].name, name) == 0)
			return &all[i];
	return NULL;
}

/* Logs of run.XXXX that no container has. A task's log goes on from run to run. */
static int retire_logs(struct context *c, const struct app *app, time_t before, struct error *err)
{
	_cleanup_free_ char *id = app_text_id(app);
	_cleanup_free_ char *folder = instance_lib(c->inst, "logs/%s", id);
	_cleanup_free_ struct detached *left = NULL;
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	size_t n = 0;
	/* the logs first: one that starts in between has its container when they are looked at */
	DIR *dir = opendir(folder);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		_cleanup_free_ char *path = xasprintf("%s/%s", folder, e->d_name);
		size_t len = strlen(e->d_name);
		if (str_starts(e->d_name, "run.") && len > 4 &&
		    strcmp(e->d_name + len - 4, ".log") == 0 && written(path) < before)
			strvec_push_take(&names, xstrndup(e->d_name, len - 4));
	}
	if (dir)
		closedir(dir);
	if (names.n == 0)
		return 0;
	if (detached_list(c->inst, app->id, &left, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++)
		if (!find(left, n, names.v[i]) &&
		    runtime_log_remove(c->inst, id, names.v[i], err) < 0)
			return -1;
	return 0;
}

int detached_retire(struct context *c, const struct app *app, bool all, size_t *out_n,
		    struct error *err)
{
	_cleanup_free_ struct detached *list = NULL;
	time_t before = all ? time(NULL) + 1 : time(NULL) - DETACHED_KEEP_S;
	size_t n = 0, gone = 0;
	if (detached_list(c->inst, app->id, &list, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *path = log_path(c->inst, app, list[i].name);
		/* a task's end is noted by control/cron.c */
		if (str_starts(list[i].name, "cron."))
			continue;
		if ((list[i].status.state != CONTAINER_EXITED &&
		     list[i].status.state != CONTAINER_LOST) ||
		    written(path) >= before)
			continue;
		if (runtime_stop(c->inst, list[i].status.id, 0, err) < 0)
			return -1;
		gone++;
	}
	*out_n = gone;
	return retire_logs(c, app, before, err);
}
