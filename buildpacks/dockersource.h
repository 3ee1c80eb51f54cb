/* SPDX-License-Identifier: MIT */
/* What a source of ADD is, as its word says. */
#ifndef BUILDPACKS_DOCKERSOURCE_H
#define BUILDPACKS_DOCKERSOURCE_H

#include <stdbool.h>

/* The address of a git repository: it ends in .git, with or without #REF:FOLDER. */
bool docker_source_is_git(const char *source);
/* Anything on the network, a repository too. */
bool docker_source_is_url(const char *source);
/* A file of the source that is compressed in a way that the stack cannot undo by itself. */
bool docker_source_is_packed(const char *source);

#endif
