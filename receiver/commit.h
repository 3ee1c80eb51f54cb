/* SPDX-License-Identifier: MIT */
/* A commit that Berth writes itself, for source that did not come by git. */
#ifndef RECEIVER_COMMIT_H
#define RECEIVER_COMMIT_H

#include <git2/types.h>

#include "base/error.h"

/* Writes the commit of TREE in AUTHOR's name (what a line of a commit cannot hold becomes "?") to
 * REPO; PARENT is 40 hex digits or "". No ref moves. */
int commit_write(git_repository *repo, const git_oid *tree, const char *parent, const char *author,
		 const char *message, git_oid *out, struct error *err);

#endif
