/* SPDX-License-Identifier: MIT */
/*
 * A flat list of paths on its way to become a git tree: what an archive says, in the archive's
 * order, whose blobs are in the repository already. Nothing is trusted before listing_write has
 * seen the list whole.
 */
#ifndef RECEIVER_LISTING_H
#define RECEIVER_LISTING_H

#include <stdbool.h>
#include <stdint.h>

#include <git2.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "instance/instance.h"
#include "receiver/entry.h"

struct listing_item {
	char *path;           /* as listing_path gives it */
	char *target;         /* of a hard link, which is an ENTRY_FILE until resolved; or NULL */
	size_t at;            /* place in the archive */
	git_oid oid;          /* not of folders */
	uint64_t size;        /* of the blob */
	enum entry_kind kind; /* no ENTRY_SUBMODULE */
};

struct listing {
	struct listing_item *items;
	size_t n, size;
	size_t names;   /* bytes of all items, paths and targets: at most PLAN_MAX_NAMES */
	uint64_t files; /* files, links and, once written, folders */
	uint64_t bytes; /* of the files and links; hard links count like what they are copies of */
	uint64_t max_files, max_bytes;
	bool keep_top; /* a single folder at the top is part of the source */
};

void listing_release(struct listing *listing);
#define _cleanup_listing_ _cleanup_(listing_release)

/* Sets the most files and bytes that [git] archive-max-files and archive-max-size allow. */
int listing_read_limits(const struct instance *inst, struct listing *listing, struct error *err);

/* PATH without "." and empty components, "" for the top; the caller frees *out. Refuses absolute
 * paths, "..", and what is longer or deeper than a commit may have (receiver/plan.h). */
int listing_path(const char *path, char **out, struct error *err);

/* Takes PATH and TARGET (NULL but for hard links) over, also when it fails. */
int listing_add(struct listing *listing, char *path, char *target, enum entry_kind kind,
		const git_oid *oid, uint64_t size, struct error *err);

/* Sets the error that says which limit the listing is past, and gives -1; 0 when it is not. */
int listing_check(const struct listing *listing, struct error *err);

/* Writes the trees of REPO: hard links become copies of the earlier item that they name, a single
 * folder at the top is looked through (but with keep_top), empty folders are dropped. Refuses two
 * items with one path, items below what is no folder, names that git keeps for itself, and a list
 * without any file. */
int listing_write(struct listing *listing, git_repository *repo, git_oid *out, struct error *err);

#endif
