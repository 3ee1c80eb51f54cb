/* SPDX-License-Identifier: MIT */
/*
 * Submodules as part of the source: each one's commit is fetched (one commit deep) from its own
 * repository, and its tree takes the place of the link, so that what comes out is a git tree like
 * any other and export, cache and build need not know. Only what .gitmodules names, only from
 * allowed hosts, with Berth's credentials (base/remote.h); no redirect is followed.
 *
 * lib/git/modules keeps what was fetched, for the next deploy. The new tree is kept in the app's
 * repository by refs/berth/trees/TREE.
 */
#ifndef RECEIVER_SUBMODULE_H
#define RECEIVER_SUBMODULE_H

#include "base/error.h"
#include "base/remote.h"
#include "base/strvec.h"
#include "instance/instance.h"
#include "receiver/repo.h"

#define SUBMODULE_MAX 100     /* of a commit, those of submodules included */
#define SUBMODULE_MAX_DEPTH 5 /* submodules of submodules */

struct submodules {
	const struct instance *inst;
	const char *app;
	const struct strvec *allowed; /* "HOST" or "HOST:PORT" */
	const char *credentials;      /* lib/git; what was fetched is in its folder modules */
	remote_advice *advice;        /* when they are not enough */
	bool allow_http;
	struct strvec notes;    /* what was fetched from where */
	struct strvec warnings; /* what was left empty, and how to change that */
	unsigned n;             /* looked at so far */
};

/* TREE of the app's repository with its submodules in place; TREE itself when it has none. One
 * from a host that is not allowed stays a link and gives a warning; one that is allowed but
 * cannot be had is an error. S->notes and warnings must be initialised. */
int submodule_resolve(struct submodules *s, const char *tree, char out_tree[REPO_HEX_SIZE],
		      struct error *err);

/* The same for another repository: REF ("": its default branch) of the one at URL, with its
 * submodules, becomes a tree of the app's repository, and is kept as those are. ERROR_DENIED when
 * its host is not allowed. */
int submodule_add(struct submodules *s, const char *url, const char *ref,
		  char out_commit[REPO_HEX_SIZE], char out_tree[REPO_HEX_SIZE], struct error *err);

/* Removes what keeps the trees of APP's repository that are not in KEEP, or with DRY only names
 * them. One line each goes to OUT. */
int submodule_collect(const struct instance *inst, const char *app, const struct strvec *keep,
		      bool dry, struct strvec *out, struct error *err);

#endif
