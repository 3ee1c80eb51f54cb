/* SPDX-License-Identifier: MIT */
/*
 * Layers become archives: what import.h does, the other way. The tar is written by a confined
 * process (cell.h) that sees nothing but the layer, as its owner and read-only; names sorted, so
 * that the same layer gives the same bytes. Overlayfs's whiteouts become those of the image
 * specification: ".wh.NAME", and ".wh..wh..opq" in folders that hide what is below them, whose
 * marks only root can read and which are told to the process before it starts.
 *
 * Left out: sockets and device nodes, attributes but user.* and security.capability. Holes of a
 * file are written as zeros: Docker and podman cannot save again what they loaded with sparse
 * entries.
 */
#ifndef RUNTIME_PACK_H
#define RUNTIME_PACK_H

#include "base/error.h"
#include "instance/instance.h"

/* Writes the tar of REF ("layer/ID" or "source/TREE") to FD, which stays the caller's. */
int pack_layer(const struct instance *inst, const char *ref, int fd, struct error *err);

#endif
