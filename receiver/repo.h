/* SPDX-License-Identifier: MIT */
/*
 * The bare repositories lib/repos/APP.git: making, renaming and removing them, and their refs.
 * Objects arrive through git's own receive-pack; refs below refs/heads move only here, by
 * compare-and-swap under git's own lock file, after a deploy succeeded. Everything runs as the
 * user who owns the repositories (libgit2 refuses others').
 *
 * Object ids cross this interface as 40 lower-case hex digits (SHA-1 repositories). "" or forty
 * zeros stand for "no such ref".
 */
#ifndef RECEIVER_REPO_H
#define RECEIVER_REPO_H

#include <stdbool.h>

#include <git2/types.h>

#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"
#include "receiver/gitdir.h"

#define REPO_HEX GITDIR_HEX
#define REPO_HEX_SIZE (REPO_HEX + 1)

/* All three are whole or not at all, and durable when they return. ERROR_EXISTS and
 * ERROR_NOT_FOUND name the app; removing a missing one is no error. */
int repo_create(const struct instance *inst, const char *app, struct error *err);
int repo_rename(const struct instance *inst, const char *app, const char *new_app,
		struct error *err);
int repo_remove(const struct instance *inst, const char *app, struct error *err);

/* The object that REF (a full name) points at, or "" when there is no such ref. */
int repo_ref(const struct instance *inst, const char *app, const char *ref, char out[REPO_HEX_SIZE],
	     struct error *err);

/* Moves REF from OLD_HEX to NEW_HEX: creates it when OLD is "" or zeros, deletes it when NEW is.
 * ERROR_BUSY when REF is not at OLD any more or another process holds its lock. REF must be below
 * refs/. MESSAGE goes to the reflog. Durable when it returns. */
int repo_ref_update(const struct instance *inst, const char *app, const char *ref,
		    const char *new_hex, const char *old_hex, const char *message,
		    struct error *err);

/* COMMIT is ANCESTOR or follows from it. */
int repo_is_descendant(const struct instance *inst, const char *app, const char *commit,
		       const char *ancestor, bool *out, struct error *err);

/* The commit that OBJECT is, or leads to when it is a tag; ERROR_INVALID when it is neither. */
int repo_peel(const struct instance *inst, const char *app, const char *object,
	      char out_commit[REPO_HEX_SIZE], struct error *err);

/* The tree of COMMIT (a commit, or a tag that leads to one). */
int repo_commit_tree(const struct instance *inst, const char *app, const char *commit,
		     char out_tree[REPO_HEX_SIZE], struct error *err);

/* The folder PATH ("services/api") of TREE, as a tree of its own. ERROR_NOT_FOUND when there is
 * none, ERROR_INVALID when it is something else: a link is not followed. */
int repo_subtree(const struct instance *inst, const char *app, const char *tree, const char *path,
		 char out_tree[REPO_HEX_SIZE], struct error *err);

/* The first line of COMMIT's message, with control characters as "?"; the caller frees it. */
int repo_commit_summary(const struct instance *inst, const char *app, const char *commit,
			char **out, struct error *err);

/* The branch that deploys when none is set: "main" or "master", whichever exists (main when both
 * or neither do). *out is a literal. */
int repo_default_branch(const struct instance *inst, const char *app, const char **out,
			struct error *err);

/* Points HEAD at refs/heads/BRANCH, which need not exist. */
int repo_set_head(const struct instance *inst, const char *app, const char *branch,
		  struct error *err);

/* For the receiver's own files: the open repository, freed with git_repository_free, and libgit2's
 * last error as ours. */
int repo_open(const struct instance *inst, const char *app, git_repository **out,
	      struct error *err);
int repo_git_error(struct error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
