/* SPDX-License-Identifier: MIT */
#include "control/shipping.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "control/answer.h"
#include "control/imagetag.h"
#include "control/process.h"
#include "control/release.h"

/* What process_spec gives an app, as the image's own words. */
static void become_container(struct image *im, const struct release *r, const char *app)
{
	struct image_config *k = &im->config;
	const char *web = image_command(im, "web");
	char when[CLOCK_TEXT_MAX];

	strvec_insert(&im->env, 0, "LANG=C.UTF-8");
	if (!strvec_getenv(&im->env, "PATH"))
		strvec_insert(&im->env, 0,
			      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	strvec_setenv(&im->env, "HOME", "/app");
	_cleanup_free_ char *port = xasprintf("%d", PROCESS_PORT);
	strvec_setenv(&im->env, "PORT", port);
	if (web)
		image_launch_argv(web, &k->cmd);
	k->user = xasprintf("%d:%d", INSTANCE_APP_UID, INSTANCE_APP_UID);
	k->cwd = xstrdup("/app");
	k->stop_signal = xstrdup("");
	strvec_pushf(&k->ports, "%d/tcp", PROCESS_PORT);
	strvec_pushf(&k->labels, "berth.app=%s", app);
	if (r->version)
		strvec_pushf(&k->labels, "berth.release=v%lld", (long long)r->version);
	if (r->commit)
		strvec_pushf(&k->labels, "org.opencontainers.image.revision=%s", r->commit);
	for (size_t i = 0; i < im->n_processes; i++)
		strvec_pushf(&k->labels, "berth.process.%s=%s", im->processes[i].type,
			     im->processes[i].command);
	clock_text(r->created_at, 0, when);
	im->created = xstrdup(when);
	im->container = true;
}

static int app_image(struct context *c, const char *name, struct image *im, struct error *err)
{
	_cleanup_release_ struct release r;
	struct app app;

	release_init(&r);
	if (app_find(&c->db, name, &app, err) < 0 || release_load_image(c, &app, &r, im, err) < 0)
		return -1;
	if (!im->container)
		become_container(im, &r, app.name);
	return 0;
}

int shipping_image(struct context *c, const char *what, struct image *im, char **out_name,
		   struct error *err)
{
	_cleanup_free_ char *id = NULL;
	struct error none = ERROR_INIT;

	if (imagetag_find(c, what, &id, &none) < 0) {
		struct error no_app = ERROR_INIT;
		if (none.code != ERROR_NOT_FOUND || app_image(c, what, im, &no_app) < 0) {
			*err = none.code != ERROR_NOT_FOUND || no_app.code == ERROR_NO_APP ? none
											   : no_app;
			return -1;
		}
		*out_name = imagetag_full(what);
		return 0;
	}
	if (image_load(c->inst, id, im, err) < 0)
		return -1;
	if (!im->container) {
		/* an app's that was given a name: which release it was is not known any more */
		_cleanup_release_ struct release none_known;
		release_init(&none_known);
		become_container(im, &none_known, what);
	}
	*out_name = strchr(what, ':') || strcmp(what, id) != 0 ? imagetag_full(what) : NULL;
	return 0;
}

static void say_layer(void *data, size_t i, size_t n, const char *ref)
{
	struct context *c = data;

	answer_detail(c, "Layer %zu of %zu: %s", i, n, ref);
	fflush(c->out);
}

int shipping_layout(struct context *c, const struct image *im, const char *name, const char *folder,
		    struct layout *out, struct error *err)
{
	return layout_write(c->inst, im, name, folder, say_layer, c, out, err);
}
