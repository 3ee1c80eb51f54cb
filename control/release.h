/* SPDX-License-Identifier: MIT */
/*
 * Releases: immutable versions of an app: image, config and formation. Each change makes one. A new
 * one is `pending` until its containers answer; then it is current and `succeeded`, or it is
 * `failed` and the one before goes on. The generation is the version that last changed what a
 * container runs: a release that only scales keeps it, so that nothing is restarted needlessly.
 */
#ifndef CONTROL_RELEASE_H
#define CONTROL_RELEASE_H

#include "base/strvec.h"
#include "control/app.h"
#include "control/context.h"
#include "runtime/image.h"

struct release {
	int64_t app, version, generation;
	char *image;             /* id, or NULL before the first deploy */
	char *tree;              /* source tree id, or NULL */
	char *commit;            /* 40 hex digits, or NULL */
	struct strvec config;    /* "KEY=VALUE" */
	struct strvec formation; /* "TYPE=N" */
	/* with BRINGS_CONFIG, OWN becomes the app's own config at the moment when R becomes current
	 */
	bool brings_config;
	struct strvec own;
	char *description, *user, *status;
	int64_t created_at;
};

void release_init(struct release *r);
void release_free(struct release *r);
#define _cleanup_release_ _cleanup_(release_free)

/* Version VERSION, 0: the current one. ERROR_NOT_FOUND when there is none. */
int release_load(struct context *c, const struct app *app, int64_t version, struct release *out,
		 struct error *err);
/* The current one and its image, both initialised; ERROR_NOT_FOUND when nothing was pushed yet. */
int release_load_image(struct context *c, const struct app *app, struct release *out,
		       struct image *im, struct error *err);
/* Writes R as the next version, pending, created now by c->identity; sets version, and generation
 * to the version when SAME_GENERATION is false (otherwise r->generation is kept). Config and
 * formation are taken from R. */
int release_create(struct context *c, const struct app *app, struct release *r,
		   bool same_generation, struct error *err);
/* Makes it the app's current release, with its formation and the config that it brings, in one
 * transaction. */
int release_succeed(struct context *c, struct app *app, const struct release *r, struct error *err);
int release_fail(struct context *c, const struct release *r, struct error *err);
/* Marks as failed what a deploy that died left pending. The caller holds the app's lock, so no
 * deploy is under way. */
int release_abandon(struct context *c, const struct app *app, struct error *err);

/* Newest first; LIMIT 0: all. Config is not filled in. The caller frees each, and *out. */
int release_list(struct context *c, const struct app *app, int64_t limit, struct release **out,
		 size_t *out_n, struct error *err);

/* The wanted number of TYPE in a formation list; FALLBACK when it is not listed. */
unsigned formation_get(const struct strvec *formation, const char *type, unsigned fallback);
void formation_set(struct strvec *formation, const char *type, unsigned quantity);
/* The app's formation as the table has it. */
int formation_load(struct db *db, int64_t app, struct strvec *out, struct error *err);

#endif
