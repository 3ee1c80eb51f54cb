/* SPDX-License-Identifier: MIT */
#include "control/appfile.h"

#include <unistd.h>

#include "base/cleanup.h"
#include "base/random.h"
#include "control/answer.h"
#include "control/config.h"
#include "control/step.h"
#include "receiver/export.h"

void appfile_init(struct appfile *f)
{
	*f = (struct appfile){.first = false};
	appjson_init(&f->json);
}

void appfile_release(struct appfile *f)
{
	appjson_release(&f->json);
}

static int add_env(const struct app *app, const struct appjson_env *e, struct release *r,
		   struct strvec *fresh, struct error *err)
{
	char secret[65];
	const char *value = e->value;
	if (strvec_getenv(&r->config, e->key) && !e->sync)
		return 0;
	if (!value && e->secret) {
		random_hex(secret, 64);
		value = secret;
	}
	if (!value && e->required)
		return error_set(
			err, ERROR_INVALID, 0,
			"app.json requires config '%s': set it with 'config:set %s %s=...' "
			"and push again",
			e->key, app->name, e->key);
	if (value) {
		strvec_setenv(fresh, e->key, value);
		strvec_setenv(&r->config, e->key, value);
	}
	return 0;
}

/* What app.json adds (defaults, generated secrets) becomes the app's own with the release. */
static int bring_env(struct context *c, const struct app *app, const struct appjson *json,
		     struct release *r, struct error *err)
{
	_cleanup_strvec_ struct strvec fresh = STRVEC_INIT;
	_cleanup_trial_ struct config_trial trial = CONFIG_TRIAL_INIT;
	for (size_t i = 0; i < json->n_env; i++)
		if (add_env(app, &json->env[i], r, &fresh, err) < 0)
			return -1;
	if (fresh.n == 0)
		return 0;
	if (config_set(c, app->id, &fresh, &trial, err) < 0)
		return -1;
	strvec_push_all(&r->own, trial.own.v);
	r->brings_config = true;
	return 0;
}

int appfile_load(struct context *c, const struct app *app, struct release *r, bool first,
		 struct appfile *out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct error missing = ERROR_INIT;
	out->first = first;
	if (export_read_file(c->inst, r->tree, "app.json", APPJSON_MAX, &text, &missing) < 0) {
		if (missing.code == ERROR_NOT_FOUND)
			return 0;
		*err = missing;
		return -1;
	}
	if (appjson_parse(&out->json, text.data, text.len, err) < 0 ||
	    bring_env(c, app, &out->json, r, err) < 0)
		return -1;
	for (size_t i = 0; first && i < out->json.n_formation; i++) {
		const struct appjson_formation *f = &out->json.formation[i];
		/* what was scaled by hand before the first push stays */
		if (f->quantity >= 0 && !strvec_getenv(&r->formation, f->type))
			formation_set(&r->formation, f->type, (unsigned)f->quantity);
	}
	return 0;
}

static int run_script(struct context *c, const struct app *app, const struct release *r,
		      const struct image *im, const char *name, const char *script,
		      struct error *err)
{
	_cleanup_free_ char *what = xasprintf("%s script of app.json", name);
	return step_run(c, app, r, im, &(struct step){what, name, script}, err);
}

int appfile_predeploy(struct context *c, const struct app *app, const struct release *r,
		      const struct image *im, const struct appfile *f, struct error *err)
{
	return f->json.predeploy ? run_script(c, app, r, im, "predeploy", f->json.predeploy, err)
				 : 0;
}

void appfile_finish(struct context *c, const struct app *app, const struct release *r,
		    const struct image *im, const struct appfile *f)
{
	struct error why = ERROR_INIT;
	if (f->json.dokku_postdeploy &&
	    run_script(c, app, r, im, "postdeploy", f->json.dokku_postdeploy, &why) < 0)
		answer_warning("%s", why.message);
	if (f->first && f->json.postdeploy &&
	    run_script(c, app, r, im, "postdeploy", f->json.postdeploy, &why) < 0)
		answer_warning("%s", why.message);
}
