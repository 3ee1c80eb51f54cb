/* SPDX-License-Identifier: MIT */
/*
 * Unpacking a plugin's archive into a new folder. The archive is not trusted: only regular files,
 * folders and links that stay inside are taken; every path is resolved beneath the folder and
 * through no link (openat2(2)), modes become 0644, 0755 or a folder's 0755, owners are ignored,
 * and size, number and depth are bounded. The first bad entry is an error that names it.
 */
#ifndef PLUGINS_UNPACK_H
#define PLUGINS_UNPACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define UNPACK_MAX_BYTES (64ull << 20)
#define UNPACK_MAX_ENTRIES 10000u
#define UNPACK_MAX_PATH 512u
#define UNPACK_MAX_DEPTH 16u

/* Reads a tar (plain, gzip, xz or zstd) from FD to its end into the empty folder DIRFD.
 * *out_root_link says that some link passes through the folder itself, so that no folder below it
 * may be taken for the plugin. What was written before an error stays; the caller removes the
 * folder. */
int unpack_plugin(int fd, int dirfd, bool *out_root_link, struct error *err);

/* PATH without leading "./" and trailing "/", checked, into OUT (UNPACK_MAX_PATH + 1 bytes); "" for
 * the folder itself. Refuses "..", absolute paths, control characters. */
int unpack_path(const char *path, char *out, struct error *err);
/* How far up a link at PATH (as from unpack_path) with TARGET goes: the number of folders above the
 * highest place that it passes; negative: it leaves, or has ".." after a name. */
int unpack_link_depth(const char *path, const char *target);

#endif
