/* SPDX-License-Identifier: MIT */
/*
 * Carrying out a plan: writing a git tree below a folder that is new, empty and nobody else's, and
 * comparing such a folder with the plan later. Every path goes through folders that were made
 * here, so no link can lead out.
 */
#ifndef RECEIVER_UNPACK_H
#define RECEIVER_UNPACK_H

#include <git2.h>

#include "base/error.h"
#include "base/strvec.h"
#include "receiver/plan.h"

#define UNPACK_MAX_LFS 100

struct unpack_result {
	uint64_t written, linked;
	struct strvec lfs; /* paths of Git LFS pointers among the written files */
};

/* Writes PLAN below the folder DIR; what is the same is linked from the folder PREVIOUS (-1: none,
 * or written when the link is refused). Large files are
 * streamed by git itself. OUT must be empty, its strvec initialised. */
int unpack_write(git_repository *repo, const struct plan *plan, int previous, int dir,
		 struct unpack_result *out, struct error *err);

/* Fails unless DIR holds all that PLAN says, with the same content. */
int unpack_verify(git_repository *repo, const struct plan *plan, int dir, struct error *err);

#endif
