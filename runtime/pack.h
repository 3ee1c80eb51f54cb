/* SPDX-License-Identifier: MIT */
/*
 * Packing the root file system into a tar, in a cell (runtime/cell.h): names sorted, so that the
 * same files give the same bytes. Overlayfs's whiteouts become those of the image specification:
 * ".wh.NAME", and ".wh..wh..opq" in folders that hide what is below them.
 *
 * Left out: sockets and device nodes, attributes but user.* and security.capability. Holes of a
 * file are written as zeros: Docker and podman cannot save again what they loaded with sparse
 * entries.
 */
#ifndef RUNTIME_PACK_H
#define RUNTIME_PACK_H

#include "base/error.h"
#include "base/strvec.h"

#define PACK_MAX_DEPTH 512 /* of folders in folders */

/* Writes the tar to FD. HIDING are the folders that hide, "" for the root; sorted. */
int pack_tree(int fd, const struct strvec *hiding, struct error *err);

#endif
