/* SPDX-License-Identifier: MIT */
/*
 * What the app.json of a source asks of a deploy: config vars that must be there, the first scale,
 * scripts around the release. Nothing of it is kept before the deploy has succeeded.
 */
#ifndef CONTROL_APPFILE_H
#define CONTROL_APPFILE_H

#include "buildpacks/appjson.h"
#include "control/release.h"
#include "runtime/image.h"

struct appfile {
	struct appjson json;
	bool first; /* no code ran before this deploy */
};

void appfile_init(struct appfile *f);
void appfile_release(struct appfile *f);
#define _cleanup_appfile_ _cleanup_(appfile_release)

/* Reads app.json of R's tree, when there is one, and adds to R's config and formation what it asks
 * for; R brings the config vars. A required config var that is missing is an error that says how to
 * set it. */
int appfile_load(struct context *c, const struct app *app, struct release *r, bool first,
		 struct appfile *out, struct error *err);

/* scripts.dokku.predeploy, in a container of the new release; a failure stops the deploy. */
int appfile_predeploy(struct context *c, const struct app *app, const struct release *r,
		      const struct image *im, const struct appfile *f, struct error *err);

/* After success: runs scripts.dokku.postdeploy, and scripts.postdeploy on the first deploy. A
 * script that fails is reported; the release stays. */
void appfile_finish(struct context *c, const struct app *app, const struct release *r,
		    const struct image *im, const struct appfile *f);

#endif
