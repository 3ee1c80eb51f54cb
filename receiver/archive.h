/* SPDX-License-Identifier: MIT */
/*
 * An archive as a commit: a tar (plain, gzip, xz, zstd) or zip is read in memory bounds and its
 * files become blobs and trees of APP's repository, so that what follows is the same as after a
 * push, the checks of export_tree included. Nothing of it is unpacked into a folder.
 */
#ifndef RECEIVER_ARCHIVE_H
#define RECEIVER_ARCHIVE_H

#include "base/error.h"
#include "instance/instance.h"
#include "receiver/repo.h"

/* Reads the archive from FD to its end and writes a commit whose parent is PARENT ("" for none),
 * in AUTHOR's name. A single folder at the top is looked through, as in release archives. Links,
 * devices, absolute and climbing paths as in export_tree: symbolic links are kept as they are,
 * hard links become copies, anything else is refused by name. At most [git] archive-max-files and
 * archive-max-size. The branch is not moved. */
int archive_commit(const struct instance *inst, const char *app, int fd, const char *parent,
		   const char *author, char out_commit[REPO_HEX_SIZE], struct error *err);

#endif
