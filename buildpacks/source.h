/* SPDX-License-Identifier: MIT */
/*
 * An app's source tree as the host sees it: lib/sources/TREE/app, written by a tenant and exported
 * by the receiver. Nothing in it is followed: a file is read only when it is a plain file below the
 * folder, reached through no link.
 */
#ifndef BUILDPACKS_SOURCE_H
#define BUILDPACKS_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"
#include "instance/instance.h"

/* Opens lib/sources/TREE/app; TREE is checked with name_is_id. */
int source_open(const struct instance *inst, const char *tree, int *out_fd, struct error *err);

/* Appends the plain file NAME below DIRFD; ERROR_NOT_FOUND when there is none, ERROR_INVALID when
 * it is something else or has more than MAX bytes. */
int source_read(int dirfd, const char *name, size_t max, struct strbuf *out, struct error *err);

/* Adds the names ("FOLDER/NAME", sorted) of the plain files that are right in FOLDER to OUT; none
 * when it is not there or no folder. More than MAX are ERROR_INVALID. */
int source_list(int dirfd, const char *folder, size_t max, struct strvec *out, struct error *err);

/* Whether NAME (a relative path) is there as a plain file. */
bool source_has(int dirfd, const char *name);

/* The same for a name whose last part may be a pattern of fnmatch(3), as in "*.csproj". "A&B" fits
 * when both are there. */
bool source_matches(int dirfd, const char *pattern);

#endif
