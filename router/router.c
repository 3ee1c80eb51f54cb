/* SPDX-License-Identifier: MIT */
#include "router/router.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "router/config.h"
#include "router/control.h"
#include "router/table.h"

#define NGINX "/usr/sbin/nginx"
#define PUSH_TRIES 5

/* A folder of the instance's user, whoever calls. */
static int make_folder(const struct instance *inst, char *path, mode_t mode, struct error *err)
{
	_cleanup_free_ char *owned = path;

	if (file_make_dirs(owned, 0755, err) < 0)
		return -1;
	if (geteuid() == 0 && chown(owned, inst->uid, inst->gid) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "give '%s' to '%s'", owned, inst->user);
	if (chmod(owned, mode) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "set the mode of '%s'", owned);
	return 0;
}

int router_configure(const struct instance *inst, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_free_ char *path = instance_lib(inst, "router/nginx.conf");
	_cleanup_free_ char *lua = xasprintf("%s/router/lua/start.lua", inst->share);

	if (!file_exists(AT_FDCWD, lua))
		return error_set(err, ERROR_NOT_FOUND, 0, "'%s' is missing: install Berth again",
				 lua);
	if (config_emit(inst, &text, err) < 0)
		return -1;
	if (make_folder(inst, instance_lib(inst, "router"), 0755, err) < 0 ||
	    make_folder(inst, instance_lib(inst, "router/logs"), 0750, err) < 0 ||
	    make_folder(inst, instance_lib(inst, "router/pages"), 0750, err) < 0 ||
	    make_folder(inst, instance_lib(inst, "router/tmp"), 0700, err) < 0 ||
	    make_folder(inst, instance_run(inst, "router"), 0700, err) < 0)
		return -1;
	return file_replace(AT_FDCWD, path, text.data, text.len, 0644, err);
}

int router_command(const struct instance *inst, struct strvec *argv, struct error *err)
{
	_cleanup_free_ char *folder = instance_lib(inst, "router/");
	_cleanup_free_ char *config = instance_lib(inst, "router/nginx.conf");

	if (!file_exists(AT_FDCWD, NGINX))
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "'" NGINX "' is missing: apt-get install nginx-light "
				 "libnginx-mod-http-lua");
	strvec_push(argv, NGINX);
	strvec_push(argv, "-p");
	strvec_push(argv, folder);
	strvec_push(argv, "-e");
	strvec_push(argv, "stderr");
	strvec_push(argv, "-c");
	strvec_push(argv, config);
	return 0;
}

/*
 * Tells nginx the step from version FROM to T's. SET and GONE may be NULL; with FROM equal to T's
 * version it only has to prove that it is there. A worker that dies while it answers is replaced by
 * one that reads the file, so the push is repeated.
 */
static int push(const struct instance *inst, const struct table *t, uint64_t from, const char *set,
		const char *gone, struct error *err)
{
	_cleanup_strbuf_ struct strbuf body = STRBUF_INIT;
	struct error why = ERROR_INIT;
	json_t *doc =
		json_pack("{s:I, s:I}", "from", (json_int_t)from, "to", (json_int_t)t->version);

	if (set)
		json_object_set_new(doc, "set",
				    json_pack("{s:O}", set, json_object_get(t->apps, set)));
	if (gone)
		json_object_set_new(doc, "remove", json_pack("[s]", gone));
	char *text = json_dumps(doc, JSON_COMPACT);
	json_decref(doc);
	strbuf_addstr(&body, text);
	free(text);

	for (int i = 0; i < PUSH_TRIES; i++) {
		_cleanup_strbuf_ struct strbuf answer = STRBUF_INIT;
		if (control_ask(inst, "POST", "/apply", &body, &answer, &why) == 0)
			return 0;
		if (why.code == ERROR_NOT_FOUND)
			return 0; /* it reads the file when it starts */
		usleep(50000 << i);
	}
	return error_set(err, why.code, 0,
			 "the routes are written but the router has not taken them: %s",
			 why.message);
}

/* The table, under the lock that *out_lock holds. */
static int open_table(const struct instance *inst, struct table *t, int *out_lock,
		      struct error *err)
{
	_cleanup_free_ char *path = instance_lib(inst, "router/routes.json");
	_cleanup_free_ char *lock_path = instance_lib(inst, "router/routes.lock");
	_cleanup_close_ int lock = -1;

	if (file_lock(lock_path, true, &lock, err) < 0 || table_read(t, path, err) < 0)
		return -1;
	*out_lock = TAKE_FD(lock);
	return 0;
}

static int save_table(const struct instance *inst, struct table *t, struct error *err)
{
	_cleanup_free_ char *path = instance_lib(inst, "router/routes.json");

	t->version++;
	return table_write(t, path, err);
}

/* The page is there before the table says so, and goes after it stopped saying so. */
static int write_page(const struct instance *inst, const struct router_app *app, struct error *err)
{
	_cleanup_free_ char *path = instance_lib(inst, "router/pages/%s.html", app->app);

	if (app->state != ROUTER_MAINTENANCE || !app->page)
		return 0;
	return file_replace(AT_FDCWD, path, app->page, app->page_len, 0640, err);
}

static void remove_page(const struct instance *inst, const char *app)
{
	_cleanup_free_ char *path = instance_lib(inst, "router/pages/%s.html", app);

	unlink(path);
}

int router_apply(const struct instance *inst, const struct router_app *app, struct error *err)
{
	_cleanup_table_ struct table t = TABLE_INIT;
	_cleanup_close_ int lock = -1;
	const char *reserved;
	bool changed;

	if (config_api_host(inst, &reserved, err) < 0 || open_table(inst, &t, &lock, err) < 0)
		return -1;
	uint64_t from = t.version;
	if (table_set(&t, app, reserved, &changed, err) < 0 || write_page(inst, app, err) < 0)
		return -1;
	if (changed && save_table(inst, &t, err) < 0)
		return -1;
	if (push(inst, &t, from, changed ? app->app : NULL, NULL, err) < 0)
		return -1;
	if (app->state != ROUTER_MAINTENANCE || !app->page)
		remove_page(inst, app->app);
	return 0;
}

int router_list(const struct instance *inst, struct strvec *out, struct error *err)
{
	_cleanup_table_ struct table t = TABLE_INIT;
	_cleanup_free_ char *path = instance_lib(inst, "router/routes.json");

	if (table_read(&t, path, err) < 0)
		return -1;
	for (void *i = json_object_iter(t.apps); i; i = json_object_iter_next(t.apps, i))
		strvec_push(out, json_object_iter_key(i));
	return 0;
}

int router_remove(const struct instance *inst, const char *app, struct error *err)
{
	_cleanup_table_ struct table t = TABLE_INIT;
	_cleanup_close_ int lock = -1;

	if (open_table(inst, &t, &lock, err) < 0)
		return -1;
	uint64_t from = t.version;
	bool gone = table_remove(&t, app);
	if (gone && save_table(inst, &t, err) < 0)
		return -1;
	if (push(inst, &t, from, NULL, gone ? app : NULL, err) < 0)
		return -1;
	remove_page(inst, app);
	return 0;
}

int router_forget_backends(const struct instance *inst, struct error *err)
{
	_cleanup_table_ struct table t = TABLE_INIT;
	_cleanup_close_ int lock = -1;

	if (open_table(inst, &t, &lock, err) < 0)
		return -1;
	if (table_forget_backends(&t) && save_table(inst, &t, err) < 0)
		return -1;
	/* no step is told: nginx reads the file */
	return push(inst, &t, 0, NULL, NULL, err);
}

int router_repair(const struct instance *inst, bool *out_repaired, struct error *err)
{
	_cleanup_free_ char *path = instance_lib(inst, "router/routes.json");
	_cleanup_free_ char *aside = instance_lib(inst, "router/routes.json.damaged");
	_cleanup_table_ struct table t = TABLE_INIT;
	_cleanup_close_ int lock = -1;
	struct error why = ERROR_INIT;

	*out_repaired = false;
	if (open_table(inst, &t, &lock, &why) == 0)
		return 0;
	if (why.code != ERROR_INVALID) {
		*err = why;
		return -1;
	}
	if (rename(path, aside) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "put '%s' aside", path);
	*out_repaired = true;
	return 0;
}

int router_in_flight(const struct instance *inst, const char *backend_id, long *out,
		     struct error *err)
{
	_cleanup_strbuf_ struct strbuf answer = STRBUF_INIT;
	_cleanup_free_ char *target = xasprintf("/in-flight?%s", backend_id);
	struct error why = ERROR_INIT;
	json_error_t at;

	if (control_ask(inst, "GET", target, NULL, &answer, &why) < 0) {
		if (why.code != ERROR_NOT_FOUND)
			return error_set(err, why.code, 0, "%s", why.message);
		*out = -1;
		return 0;
	}
	json_t *doc = json_loadb(answer.data, answer.len, 0, &at);
	*out = (long)json_integer_value(json_object_get(doc, "in_flight"));
	json_decref(doc);
	return 0;
}

int router_stats(const struct instance *inst, struct strbuf *out, struct error *err)
{
	struct error why = ERROR_INIT;

	if (control_ask(inst, "GET", "/stats", NULL, out, &why) == 0)
		return 0;
	if (why.code != ERROR_NOT_FOUND)
		return error_set(err, why.code, 0, "%s", why.message);
	strbuf_addstr(out, "{}");
	return 0;
}

char *router_url(const struct instance *inst, const char *host)
{
	struct error err = ERROR_INIT;
	unsigned port;

	if (config_port(inst, &port, &err) < 0 || port == 80)
		return xasprintf("http://%s", host);
	return xasprintf("http://%s:%u", host, port);
}
