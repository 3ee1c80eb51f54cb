/* SPDX-License-Identifier: MIT */
/*
 * New objects of a repository, kept apart until all are there: they are written to a folder below
 * objects/ and either moved among the others at once or removed, so that input which is refused
 * half way leaves nothing behind. git's own receive-pack does the same (tmp-objdir.h in git), and
 * git-prune(1) removes the folder of a process that was killed.
 */
#ifndef RECEIVER_QUARANTINE_H
#define RECEIVER_QUARANTINE_H

#include <git2/types.h>

#include "base/cleanup.h"
#include "base/error.h"

struct quarantine {
	git_repository *repo; /* not owned */
	int objects, folder;  /* objects/ and the folder below it; -1: none */
	char name[48];
};

#define QUARANTINE_INIT                                                                            \
	{                                                                                          \
		.objects = -1, .folder = -1                                                        \
	}

/* From now on what is written to REPO, which must be open for nobody else's use, goes to the
 * quarantine; it reads both. Writes are not synced one by one. */
int quarantine_begin(git_repository *repo, struct quarantine *out, struct error *err);

/* Moves all objects into the repository and makes them durable. */
int quarantine_keep(struct quarantine *q, struct error *err);

/* Removes what was not kept. */
void quarantine_release(struct quarantine *q);
#define _cleanup_quarantine_ _cleanup_(quarantine_release)

#endif
