/* SPDX-License-Identifier: MIT */
#include "control/tenant.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "buildpacks/cache.h"
#include "buildpacks/imagekept.h"
#include "control/answer.h"
#include "control/appnet.h"
#include "control/build.h"
#include "control/collect.h"
#include "control/domain.h"
#include "control/lock.h"
#include "control/rollout.h"
#include "control/trigger.h"
#include "receiver/repo.h"
#include "resolver/names.h"
#include "router/router.h"
#include "runtime/client.h"

/* The setting that holds the new name while an app is being renamed. */
#define RENAME_TO "rename-to"

static int add_default_domain(struct context *c, const struct app *app, struct error *err)
{
	_cleanup_free_ char *domain = domain_default(c, app->name);
	return domain ? domain_add(c, app, domain, err) : 0;
}

int tenant_create(struct context *c, const char *name, struct app *out, struct error *err)
{
	struct error ignored = ERROR_INIT;
	if (app_create(&c->db, name, out, err) < 0)
		return -1;
	if ((!gitdir_exists(c->inst, name) && repo_create(c->inst, name, err) < 0) ||
	    add_default_domain(c, out, err) < 0 || rollout_route(c, out, err) < 0) {
		repo_remove(c->inst, name, &ignored);
		app_remove(&c->db, out, &ignored);
		return -1;
	}
	return trigger_run(c, out, "post-create", NULL, err);
}

bool tenant_autocreates(struct context *c)
{
	_cleanup_free_ char *off = NULL;
	struct error ignored = ERROR_INIT;
	return setting_get(&c->db, 0, "disable-autocreation", "false", &off, &ignored) < 0 ||
	       strcmp(off, "true") != 0;
}

int tenant_open(struct context *c, const char *name, struct app *out, struct error *err)
{
	struct error why = ERROR_INIT;
	if (app_find(&c->db, name, out, &why) < 0) {
		if (why.code != ERROR_NO_APP || !tenant_autocreates(c)) {
			*err = why;
			return -1;
		}
		if (tenant_create(c, name, out, err) < 0)
			return -1;
		answer_step(c, "Created app '%s'", out->name);
	}
	if (out->locked)
		return error_set(err, ERROR_BUSY, 0,
				 "app '%s' is locked: 'apps:unlock %s' allows deploys again",
				 out->name, out->name);
	return tenant_mend(c, out, err);
}

int tenant_mend(struct context *c, const struct app *app, struct error *err)
{
	_cleanup_free_ char *to = NULL;
	if (setting_get(&c->db, app->id, RENAME_TO, NULL, &to, err) < 0)
		return -1;
	/* a renaming was cut short between the repository and the row */
	if (to && !gitdir_exists(c->inst, app->name) && gitdir_exists(c->inst, to) &&
	    repo_rename(c->inst, to, app->name, err) < 0)
		return -1;
	if (to && setting_set(&c->db, app->id, RENAME_TO, NULL, err) < 0)
		return -1;
	return gitdir_exists(c->inst, app->name) ? 0 : repo_create(c->inst, app->name, err);
}

/* The files of APP's log that carry its name: they follow it, or end with it when TO is NULL. */
static void move_logs(struct context *c, const char *app, const char *to)
{
	static const char *const files[] = {"events/%s.log", "router/logs/%s.log",
					    "router/logs/%s.log.1"};
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		size_t before = strcspn(files[i], "%");
		_cleanup_free_ char *from = instance_lib(c->inst, "%.*s%s%s", (int)before, files[i],
							 app, files[i] + before + 2);
		_cleanup_free_ char *where = to ? instance_lib(c->inst, "%.*s%s%s", (int)before,
							       files[i], to, files[i] + before + 2)
						: NULL;
		/* most apps lack one of them */
		if ((where ? rename(from, where) : unlink(from)) < 0 && errno != ENOENT)
			answer_warning("log '%s': %s", from, strerror(errno));
	}
}

/* Takes APP's lock. While it was waited for, or a person was asked, APP may have got another name,
 * and its own may have gone to another app: whose repository and routes are then named by it. */
static int lock_by_name(struct context *c, const struct app *app, const char *what, int *out_lock,
			struct error *err)
{
	struct app now;
	if (lock_take(c, app, what, out_lock, err) < 0 ||
	    app_find_id(&c->db, app->id, &now, err) < 0)
		return -1;
	if (strcmp(now.name, app->name) != 0)
		return error_set(err, ERROR_NO_APP, 0, "app '%s' has become '%s' meanwhile",
				 app->name, now.name);
	return 0;
}

int tenant_destroy(struct context *c, const struct app *app, struct error *err)
{
	_cleanup_close_ int lock = -1;
	if (trigger_run(c, app, "pre-delete", NULL, err) < 0 ||
	    lock_by_name(c, app, "destruction", &lock, err) < 0)
		return -1;
	/* the route first, so that nobody is sent to a container that goes; the row last, so that
	 * a destruction that was cut short can be repeated */
	if (router_remove(c->inst, app->name, err) < 0 ||
	    names_remove(c->inst, app->name, err) < 0 || rollout_stop_all(c, app, err) < 0 ||
	    repo_remove(c->inst, app->name, err) < 0)
		return -1;
	_cleanup_free_ char *logs = app_text_id(app);
	if (runtime_cache_remove(c->inst, logs, err) < 0 ||
	    runtime_logs_remove(c->inst, logs, err) < 0 || app_remove(&c->db, app, err) < 0 ||
	    appnet_apply(c, err) < 0)
		return -1;
	imagekept_forget(c->inst, logs);
	cache_forget(c->inst, logs);
	move_logs(c, app->name, NULL);
	_cleanup_strvec_ struct strvec swept = STRVEC_INIT;
	return build_sweep(c, false, &swept, err) < 0 ? -1 : collect_run(c, err);
}

int tenant_rename(struct context *c, const struct app *app, const char *name, struct error *err)
{
	struct error ignored = ERROR_INIT;
	_cleanup_close_ int lock = -1;
	_cleanup_free_ char *old_domain = domain_default(c, app->name);
	struct app renamed;
	struct app taken;
	if (lock_by_name(c, app, "renaming", &lock, err) < 0 || name_check_app(name, err) < 0)
		return -1;
	if (app_find(&c->db, name, &taken, &ignored) == 0)
		return error_set(err, ERROR_EXISTS, 0, "app '%s' exists already", name);
	/* noted first, so that whoever finds the repository under neither name can put it back */
	if (setting_set(&c->db, app->id, RENAME_TO, name, err) < 0)
		return -1;
	if (repo_rename(c->inst, app->name, name, err) < 0) {
		setting_set(&c->db, app->id, RENAME_TO, NULL, &ignored);
		return -1;
	}
	if (app_rename(&c->db, app, name, err) < 0) {
		tenant_mend(c, app, &ignored);
		return -1;
	}
	if (app_find_id(&c->db, app->id, &renamed, err) < 0)
		return -1;
	/* it has its new name: what its own domain lacks must not leave it half renamed */
	if (old_domain && domain_remove(c, app, old_domain, &ignored) == 0 &&
	    add_default_domain(c, &renamed, &ignored) < 0)
		answer_warning("%s; then 'domains:add %s DOMAIN' routes it here", ignored.message,
			       name);
	if (router_remove(c->inst, app->name, err) < 0 || names_remove(c->inst, app->name, err) < 0)
		return -1;
	move_logs(c, app->name, name);
	/* now no file has the old name any more (control/leftover.c) */
	if (setting_set(&c->db, app->id, RENAME_TO, NULL, err) < 0)
		return -1;
	return rollout_route(c, &renamed, err);
}
