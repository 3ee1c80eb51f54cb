/* SPDX-License-Identifier: MIT */
/*
 * Whiteouts of an image's layer: entries of its archive that stand for what is gone (image
 * specification, "Layer Filesystem Changeset"). They are gathered while the archive is read and
 * applied when all else is there, because they speak of the layers below only, wherever in the
 * archive they stand. Part of the confined unpacking process (unpack.h).
 */
#ifndef RUNTIME_WHITEOUT_H
#define RUNTIME_WHITEOUT_H

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strvec.h"

#define WHITEOUT_MAX 100000u

struct whiteouts {
	struct strvec gone;   /* paths that the layers below have no more */
	struct strvec hiding; /* folders, "." for the root, that hide what is below them */
};

#define WHITEOUTS_INIT                                                                             \
	{                                                                                          \
		STRVEC_INIT, STRVEC_INIT                                                           \
	}

void whiteouts_release(struct whiteouts *w);
#define _cleanup_whiteouts_ _cleanup_(whiteouts_release)

/* Gives 1 when PATH (relative, with single slashes and neither "." nor "..") is a whiteout, which W
 * keeps; 0 when it is none; -1 when it is one that means nothing: the error says why. */
int whiteouts_take(struct whiteouts *w, const char *path, struct error *err);

/* Makes the character devices 0/0 that overlayfs reads, below the folder ROOT, and adds to
 * w->hiding the folders that replace one below. Times of folders stay. */
int whiteouts_apply(struct whiteouts *w, int root, struct error *err);

#endif
