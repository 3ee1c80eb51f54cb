/* SPDX-License-Identifier: MIT */
/*
 * Archives become layers. The archive is a tenant's: it is read and unpacked by a child that has
 * the new layer's folder as its root file system, a user namespace whose ids are the layer's range,
 * no network, no other descriptor and limits of its own. The root process only moves the folder,
 * and does to folders in it what that child may not (enum unpack_says).
 *
 * Kept: owners by number (0 to 65535), modes, times, links, extended attributes but trusted.* and
 * *.overlay.*. Left out: device nodes and sockets, and fifos but in the root of
 * an image. Refused, by name: absolute paths, "..",
 * paths that pass through a link, hard links to what is not there, more than IMPORT_MAX_ENTRIES
 * entries or IMPORT_MAX_BYTES bytes. More about layers of images is in unpack.h.
 */
#ifndef RUNTIME_IMPORT_H
#define RUNTIME_IMPORT_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"
#include "runtime/unpack.h"

#define IMPORT_MAX_ENTRIES 1000000u
#define IMPORT_MAX_BYTES (16ull << 30) /* CELL_MAX_BYTES for one file */

/* Unpacks the tar (plain, gzip, xz, zstd) that FD gives into the new layer ID, owned by RANGE, and
 * commits it. Nothing is left behind on failure. FD stays the caller's. */
int import_tar(const struct instance *inst, const char *id, unsigned range, int fd,
	       struct error *err);

/* The same into the folder TREE, which stays the caller's; what is there after a failure is up to
 * the caller too. */
int import_into(const struct instance *inst, unsigned range, int tree, int fd, struct error *err);

/* The same for a layer of an image, which stays uncommitted and locked by *out_tree, its folder:
 * whoever sent it compares its digest, then it is committed or discarded (runtime/layer.h). BELOW
 * are the ids of the layers that it lies on, topmost first, committed or not: a folder that the
 * archive does not name, but has something in, is as there. *out_implied: there are such folders,
 * so the layer is another one on other layers. */
int import_layer(const struct instance *inst, const char *id, unsigned range, int fd,
		 const struct strvec *below, int *out_tree, bool *out_implied, struct error *err);

#endif
