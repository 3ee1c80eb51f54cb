/* SPDX-License-Identifier: MIT */
/*
 * What COPY and ADD take as --chmod: a number of at most four octal digits, or what chmod(1) takes
 * ("u+x", "go-w", "a=rX,u+w"). A clause that names nobody is for all, with the umask 022 that
 * builds have.
 */
#ifndef BUILDPACKS_DOCKERMODE_H
#define BUILDPACKS_DOCKERMODE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* NULL when TEXT is one, otherwise what is wrong with it; *OUT_AT is then where. */
const char *docker_mode_check(const char *text, size_t *out_at);
/* The permissions of a file, or with FOLDER of a folder, that had MODE. TEXT is a good one. */
mode_t docker_mode_apply(const char *text, mode_t mode, bool folder);

#endif
