/* SPDX-License-Identifier: MIT */
/*
 * Layers on disk, all below lib/layers (0700, root's):
 *   ID/data         the tree
 *   ID/owner        text: the first id of the range that owns it on disk
 *   .new/ID/...     the same for a layer in the making, with work/, overlayfs's work folder
 *   .gone/...       on its way out
 * A layer is visible when it is complete: committing makes .new/ID durable and renames it. It is
 * immutable from then on. A source tree is lib/sources/TREE, written by user berth, and has a
 * folder app: like a layer it is laid over the root.
 *
 * In use: the descriptor of a tree that layer_open and layer_create_upper give holds a shared lock
 * on it (flock(2)). Whoever keeps the container alive (its shim) keeps these descriptors open; a
 * layer that is locked is neither committed nor removed. Who removes lib/sources/TREE takes an
 * exclusive lock on TREE in the same way.
 *
 * Every lookup is below the folder's descriptor and follows no link (openat2(2)).
 */
#ifndef RUNTIME_LAYER_H
#define RUNTIME_LAYER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"

/* Opens REF, "layer/ID" or "source/TREE". The tree's ids on disk are *out_base to *out_base +
 * *out_count - 1: a whole range for a layer, the one id of user berth for a source tree. The caller
 * closes *out_dirfd, a folder opened for reading, when the container has ended. */
int layer_open(const struct instance *inst, const char *ref, int *out_dirfd, uid_t *out_base,
	       uint32_t *out_count, struct error *err);

/* The same for the layer ID, also when it is not committed: for who looks at what another process
 * has unpacked. */
int layer_open_unpacked(const struct instance *inst, const char *id, int *out_dirfd,
			uid_t *out_base, struct error *err);

/* Whether a folder of a layer hides what the layers below have there; only root sees the mark. */
bool layer_is_opaque(int folder);

/* Makes the layer ID, not yet committed, for RANGE: its root folder belongs to that range's first
 * id, mode 0755. An earlier uncommitted one of that name is replaced unless it is in use. Fails
 * with ERROR_EXISTS when ID is committed. The folders are on one file system; both descriptors are
 * the caller's, the first holds the lock. */
int layer_create_upper(const struct instance *inst, const char *id, unsigned range,
		       int *out_upper_dirfd, int *out_work_dirfd, struct error *err);

/* Has what lies in TREE written to the disk, as far as that goes without waiting for it: the commit
 * that follows has less to wait for. */
void layer_begin_sync(int tree);

/* Durable when it returns. Waits up to 2 s for a container that is just ending, then fails with
 * ERROR_BUSY. */
int layer_commit(const struct instance *inst, const char *id, struct error *err);

/* Gives the committed ID, which nobody uses, the name TO. ERROR_EXISTS when that is taken: ID then
 * stays as it is. Waits as layer_commit does. */
int layer_rename(const struct instance *inst, const char *id, const char *to, struct error *err);

/* Drops the uncommitted ID; a committed one of that name stays. */
int layer_discard(const struct instance *inst, const char *id, struct error *err);
/* Removes ID, committed or not. ERROR_BUSY while in use; a missing one is no error. */
int layer_remove(const struct instance *inst, const char *id, struct error *err);
/* ERROR_BUSY while in use; a missing one is no error. For those that nothing will open meanwhile:
 * it is locked for a moment. */
int layer_check_idle(const struct instance *inst, const char *id, struct error *err);
bool layer_exists(const struct instance *inst, const char *id);
/* The committed ones, sorted. */
int layer_list(const struct instance *inst, struct strvec *out, struct error *err);

/* Removes uncommitted layers that nobody uses, and what a removal left behind; with DRY only names
 * them. One line each goes to OUT. */
int layer_cleanup(const struct instance *inst, bool dry, struct strvec *out, struct error *err);

#endif
