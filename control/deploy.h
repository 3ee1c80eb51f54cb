/* SPDX-License-Identifier: MIT */
/* The story of a push: from a commit to a release that answers. Each room is called once, in order.
 */
#ifndef CONTROL_DEPLOY_H
#define CONTROL_DEPLOY_H

#include "control/app.h"
#include "control/context.h"
#include "runtime/image.h"

/* What is to be deployed. */
struct deploy {
	const char *commit;      /* 40 hex digits, in the app's repository */
	const char *ref;         /* the branch that is to point at it afterwards, or NULL */
	const char *old;         /* where the pusher saw REF; "" for a new branch */
	const char *description; /* "Deploy 1a2b3c4d" */
	const char *kind;        /* how it came: one of build_kinds */
};

/* Builds, releases, starts, checks and routes, then moves the ref by compare-and-swap. On failure
 * nothing has changed: the error is the reason, and what led to it was printed. Takes the app's
 * lock, waiting for it if need be. */
int deploy_run(struct context *c, struct app *app, const struct deploy *d, struct error *err);

/* Deploys a container image instead of source. */
struct deploy_image {
	const char *description; /* "Deploy image redis:7" */
	/* Gets the image, saves it and fills IM; its output goes into the build's log. */
	int (*get)(struct context *c, struct image *im, void *data, struct error *err);
	void *data;
};
int deploy_run_image(struct context *c, struct app *app, const struct deploy_image *d,
		     struct error *err);

/* Builds the current release's source again (ps:rebuild). */
int deploy_rebuild(struct context *c, struct app *app, struct error *err);

/* Makes and rolls out a new release that differs from the current one as CHANGE says: the code
 * stays. NULL fields stay as they are. The caller holds the app's lock. */
struct deploy_change {
	const struct strvec *config;       /* the merged environment */
	const struct strvec *own;          /* what of it becomes the app's own config */
	const struct strvec *formation;    /* "TYPE=N" */
	const char *image, *tree, *commit; /* rollback */
	const char *description;
	bool keep_running; /* containers go on as they are (--no-restart, scaling) */
};
int deploy_change(struct context *c, struct app *app, const struct deploy_change *change,
		  struct error *err);

/* The stack's layer: setting "stack" of the app, else [build] stack, else "debian-12"; the caller
 * frees it. */
int deploy_stack(struct context *c, const struct app *app, char **out, struct error *err);

/* The first URL of APP, or NULL; the caller frees it. */
char *deploy_url(struct context *c, const struct app *app);

#endif
