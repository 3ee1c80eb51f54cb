/* SPDX-License-Identifier: MIT */
/*
 * Which tree a commit gives an app: the commit's own with its submodules in place, or, with the
 * setting build-dir, one folder of that. A folder is a git tree like any other, so all that follows
 * (export, cache, build) is the same.
 */
#ifndef CONTROL_SOURCE_H
#define CONTROL_SOURCE_H

#include "control/app.h"
#include "control/context.h"
#include "receiver/repo.h"

/* A path below the top of the source: components without "." and "..", no leading or trailing "/".
 */
int source_check_dir(const char *path, struct error *err);

/* The tree of COMMIT that is built. */
int source_tree(struct context *c, const struct app *app, const char *commit,
		char out_tree[REPO_HEX_SIZE], struct error *err);

#endif
