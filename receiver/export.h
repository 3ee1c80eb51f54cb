/* SPDX-License-Identifier: MIT */
/*
 * Exported source trees: lib/sources/TREE/app is the content of the git tree TREE (40 hex digits),
 * made once and never changed; containers see it read-only. Files are 0644 or 0755, folders 0755,
 * symbolic links as they are: nothing here ever follows one. Files that the previous tree has at
 * the same path are hard links to it, so the cost follows the change.
 *
 * What is exported is the commit, whole: `export-ignore` of .gitattributes is not applied (nor
 * does Heroku), no filter and no end-of-line conversion runs. A submodule that is still one
 * (receiver/submodule.h) becomes an empty folder and a Git LFS pointer stays a pointer: both are
 * reported as warnings for the pusher.
 *
 * Power cuts: a tree appears by rename, but its files are not synced one by one, as it can be made
 * again from git at any time. Beside app/ lies "boot-ID", naming the boot that it was written in,
 * and, once export_settle has synced it, "durable". A tree that is neither durable nor of this boot
 * is compared with git, file by file, before it is used, and replaced when it is damaged; so
 * berthd calls export_tree for every tree in use after a boot, and export_settle when a deploy has
 * been answered.
 *
 * Several processes may export the same tree at once: one makes it, under a lock of the tree's own,
 * and the others wait for it.
 */
#ifndef RECEIVER_EXPORT_H
#define RECEIVER_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"
#include "instance/instance.h"

/* Defaults of [git] archive-max-files and archive-max-size. */
#define EXPORT_MAX_FILES 200000
#define EXPORT_MAX_BYTES (2ull << 30)

struct export_stats {
	uint64_t files;           /* files and links in the tree */
	uint64_t bytes;           /* of these */
	uint64_t written;         /* now, from git */
	uint64_t linked;          /* now, to the previous tree */
	bool existed;             /* nothing had to be done */
	struct strvec lfs;        /* paths of Git LFS pointers, at most UNPACK_MAX_LFS */
	struct strvec submodules; /* paths, at most PLAN_MAX_SUBMODULES */
	struct strvec warnings;   /* lines for the pusher */
};

void export_stats_init(struct export_stats *stats);
void export_stats_release(struct export_stats *stats);
#define _cleanup_export_ _cleanup_(export_stats_release)

/* Exports TREE of APP's repository. PREVIOUS is the app's last tree or NULL; one that is missing
 * or not to be trusted is ignored.
 * OUT must be initialised and empty. A hostile tree fails with ERROR_INVALID and leaves nothing. */
int export_tree(const struct instance *inst, const char *app, const char *tree,
		const char *previous, struct export_stats *out, struct error *err);

/* Syncs TREE to disk and marks it durable. Slow: call it when nobody waits. */
int export_settle(const struct instance *inst, const char *tree, struct error *err);

/* Appends the content of PATH in TREE, at most MAX bytes. No symbolic link is followed. Fails with
 * ERROR_NOT_FOUND when it is missing, ERROR_INVALID when it is too long or no plain file. */
int export_read_file(const struct instance *inst, const char *tree, const char *path, size_t max,
		     struct strbuf *out, struct error *err);

/* Removes TREE (a missing one is no error); ERROR_BUSY while a container uses it or
 * it is being made. */
int export_remove(const struct instance *inst, const char *tree, struct error *err);

/* ERROR_BUSY as above, and removes nothing. */
int export_check_idle(const struct instance *inst, const char *tree, struct error *err);

/* Appends the ids of all exported trees. */
int export_list(const struct instance *inst, struct strvec *out, struct error *err);

/* Removes what exporters that were killed left behind, or with DRY only names it, in OUT; running
 * ones are not disturbed. */
int export_sweep(const struct instance *inst, bool dry, struct strvec *out, struct error *err);

#endif
