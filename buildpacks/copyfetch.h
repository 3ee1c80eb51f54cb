/* SPDX-License-Identifier: MIT */
/*
 * What ADD takes from elsewhere or unpacks, with the programs of the stack (curl, git, tar,
 * sha256sum): a part of the sending side of a COPY (copywire.h), inside its container.
 */
#ifndef BUILDPACKS_COPYFETCH_H
#define BUILDPACKS_COPYFETCH_H

#include <stdbool.h>

struct copy_fetch {
	const char *checksum; /* "sha256:HEX" of what a URL gives, or a commit of a repository */
	bool keep_git;        /* the folder .git too */
	unsigned n;           /* temporary folders */
};

/* These end the program when they fail; the caller frees what they give. */

/* The file that URL has, with the name that it has there. */
char *copy_get(struct copy_fetch *f, const char *url);
/* The folder with the files of repository SOURCE. */
char *copy_clone(struct copy_fetch *f, const char *source);
/* The folder with what the tar archive FD holds, plain or compressed, but for devices; NULL when it
 * is none. NAME is for what is said. */
char *copy_unpack(struct copy_fetch *f, int fd, const char *name);

#endif
