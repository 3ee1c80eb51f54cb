/* SPDX-License-Identifier: MIT */
/*
 * Where a plugin came from: the file .origin/NAME of the plugins' folder, one line each for kind,
 * address, committish and commit. The folder is given by its descriptor; -1 has no origins.
 */
#ifndef PLUGINS_ORIGIN_H
#define PLUGINS_ORIGIN_H

#include "base/cleanup.h"
#include "base/error.h"

struct origin {
	char *kind; /* "git", "folder", "archive" */
	char *address;
	char *committish; /* "" is the default branch */
	char *commit;     /* "" unless git */
};

void origin_release(struct origin *o);
#define _cleanup_origin_ _cleanup_(origin_release)

/* ADDRESS as one line of at most 1 KiB that a terminal may show; no commit. */
struct origin origin_make(const char *kind, const char *address);

/* A lost or unreadable one has four empty strings: the plugin cannot be updated, that is all. */
void origin_read(int dirfd, const char *name, struct origin *out);
int origin_write(int dirfd, const char *name, const struct origin *o, struct error *err);
void origin_forget(int dirfd, const char *name);

#endif
