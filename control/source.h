/* SPDX-License-Identifier: MIT */
/*
 * Which tree a commit gives an app: the commit's own with its submodules in place, or, with the
 * setting build-dir, one folder of that. A folder is a git tree like any other, so all that follows
 * (export, cache, build) is the same.
 */
#ifndef CONTROL_SOURCE_H
#define CONTROL_SOURCE_H

#include "buildpacks/builder.h"
#include "control/app.h"
#include "control/context.h"
#include "receiver/repo.h"

/* A path below the top of the source: components without "." and "..", no leading or trailing "/".
 */
int source_check_dir(const char *path, struct error *err);

/* What a build may need of other repositories, taken from the database before it: stages of it run
 * in processes of their own. */
struct source_access {
	const struct instance *inst;
	const char *app;
	struct strvec allowed;
	char *credentials;
	bool allow_http;
};
#define SOURCE_ACCESS_INIT                                                                         \
	{                                                                                          \
		.allowed = STRVEC_INIT                                                             \
	}
int source_access(struct context *c, const struct app *app, struct source_access *out,
		  struct error *err);
void source_access_release(struct source_access *a);
#define _cleanup_source_access_ _cleanup_(source_access_release)

/* build.repository (buildpacks/builder.h) of a struct source_access. */
int source_repository(void *data, const char *url, const char *ref, struct builder_source *out,
		      struct error *err);

/* The tree of COMMIT that is built. */
int source_tree(struct context *c, const struct app *app, const char *commit,
		char out_tree[REPO_HEX_SIZE], struct error *err);

#endif
