/* SPDX-License-Identifier: MIT */
/*
 * Unpacking an archive into the current folder, in a cell (runtime/cell.h): it trusts
 * nothing in the archive, but relies on the folder being its root and on having no privilege that
 * matters outside.
 */
#ifndef RUNTIME_UNPACK_H
#define RUNTIME_UNPACK_H

#include "base/error.h"

/* How an archive is meant. */
enum unpack_kind {
	UNPACK_ROOT = 1, /* a root file system of one layer */
	/* A layer of the Open Container Initiative's image specification, to be laid over others.
	 * ".wh.NAME" removes NAME of the layers below: it becomes overlayfs's own whiteout, unless
	 * this layer brings NAME again. A relative link that climbs out of the root is refused.
	 * ".wh..wh..opq" hides what the folder has below. What would lie in /proc and /sys is
	 * refused, folders apart; in /dev only what has content, and the rest is left out, since a
	 * container gets its own. */
	UNPACK_LAYER = 2,
};

/* What only root can do with a folder of a layer: the first byte of what is said of it. */
enum unpack_says {
	UNPACK_OPAQUE = 'o',  /* it hides what is below it */
	UNPACK_IMPLIED = 'i', /* no entry names it: it is as in the layers below */
};

/* Unpacks the tar that FD gives. Errors name the entry. SAY is called at the end for folders, each
 * with one of enum unpack_says before its path, first all that are opaque. */
int unpack_tar(int fd, enum unpack_kind kind, int (*say)(const char *what, struct error *err),
	       struct error *err);

#endif
