/* SPDX-License-Identifier: MIT */
/* What a source of ADD is, as its word says. */
#ifndef BUILDPACKS_DOCKERSOURCE_H
#define BUILDPACKS_DOCKERSOURCE_H

#include <stdbool.h>

/* The address of a git repository: it ends in .git, with or without #REF:FOLDER. */
bool docker_source_is_git(const char *source);
/* Anything on the network, a repository too. */
bool docker_source_is_url(const char *source);
/* A git repository that is reached over ssh: "ssh://...", or scp's form, "USER@HOST:PATH". */
bool docker_source_is_ssh(const char *source);
/* SOURCE, a repository: its address, the REF and the FOLDER that may come after it ("" when they
 * do not). The caller frees them. */
void docker_source_split(const char *source, char **out_url, char **out_ref, char **out_folder);
/* A file of the source that is compressed in a way that the stack cannot undo by itself. */
bool docker_source_is_packed(const char *source);

#endif
