/* SPDX-License-Identifier: MIT */
/*
 * Unpacking an archive of somebody else's into a new folder: a plugin, a buildpack. The archive is
 * not trusted: only regular files, folders and links that stay inside are taken; every path is
 * resolved beneath the folder and through no link (openat2(2)), modes become 0644, 0755 or a
 * folder's 0755, owners are ignored, and size, number and depth are bounded. The first bad entry is
 * an error that names it.
 */
#ifndef BASE_UNTAR_H
#define BASE_UNTAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define UNTAR_MAX_BYTES (128ull << 20)
#define UNTAR_MAX_ENTRIES 20000u
#define UNTAR_MAX_PATH 512u
#define UNTAR_MAX_DEPTH 16u

/* Reads a tar (plain, gzip, xz or zstd) or a zip from FD to its end into the empty folder DIRFD. A
 * zip says only in the directory at its end what is executable or a link: give it as a plain file.
 * *out_root_link says that some link passes through the folder itself, so that no folder below it
 * may be taken for the whole. What was written before an error stays; the caller removes the
 * folder. */
int untar(int fd, int dirfd, bool *out_root_link, struct error *err);

/* The same for the layers of an image, each an archive, into one folder: a path that begins with
 * "/" begins at the folder, and the maxima are for all layers together. */
int untar_layers(const int *fds, size_t n, int dirfd, bool *out_root_link, struct error *err);

/* The name of the one folder that is all that the folder DIRFD holds, or NULL; the caller frees it.
 */
char *untar_lone_folder(int dirfd);

/* PATH without leading "./" and trailing "/", checked, into OUT (UNTAR_MAX_PATH + 1 bytes); "" for
 * the folder itself. Refuses "..", absolute paths, control characters. */
int untar_path(const char *path, char *out, struct error *err);
/* How far up a link at PATH (as from untar_path) with TARGET goes: the number of folders above the
 * highest place that it passes; negative: it leaves, or has ".." after a name. */
int untar_link_depth(const char *path, const char *target);

#endif
