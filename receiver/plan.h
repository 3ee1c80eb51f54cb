/* SPDX-License-Identifier: MIT */
/*
 * What has to be done to turn a git tree into a folder: a flat list, each folder before what is in
 * it. Making the plan checks the whole tree against hostile content and against the limits, so
 * that nothing has been written when a push is refused. With the previous tree at hand, a subtree
 * that both have is only listed, not checked again, and its files are marked to be hard-linked.
 */
#ifndef RECEIVER_PLAN_H
#define RECEIVER_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include <git2.h>

#include "base/error.h"
#include "base/strvec.h"
#include "receiver/entry.h"

#define PLAN_MAX_PATH 2048
#define PLAN_MAX_DEPTH 100
/* A link's text: what symlink(2) takes. */
#define PLAN_MAX_LINK 4095
/* All paths of a commit or an archive together: they are held in memory, and a few small objects
 * that are used again and again can stand for any number of long ones. */
#define PLAN_MAX_NAMES (64u << 20)
/* One folder as git stores it; its names are held in memory together. */
#define PLAN_MAX_FOLDER (32u << 20)
/* Submodules that are remembered by name. */
#define PLAN_MAX_SUBMODULES 100

struct plan_item {
	char *path; /* from the root of the tree */
	git_oid oid;
	uint64_t size;        /* of new files and links; 0 for the others */
	enum entry_kind kind; /* submodules become empty folders */
	bool same;            /* the previous tree has it, at the same path with the same mode */
};

struct plan_limits {
	uint64_t max_files; /* folders count too */
	uint64_t max_bytes;
	uint64_t previous_bytes; /* all files of the previous tree; 0 without one */
};

struct plan {
	struct plan_item *items;
	size_t n, size;
	size_t names;             /* bytes of all items and their paths */
	uint64_t files;           /* files and links */
	uint64_t bytes;           /* of these */
	struct strvec submodules; /* paths, at most PLAN_MAX_SUBMODULES */
};

/* TREE and PREVIOUS (may be NULL) are of REPO. PLAN must be empty ({ 0 }); the caller releases it,
 * also after a failure. */
int plan_make(git_repository *repo, const git_oid *tree, const git_oid *previous,
	      const struct plan_limits *limits, struct plan *out, struct error *err);
void plan_release(struct plan *plan);

#endif
