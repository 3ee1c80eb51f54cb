/* SPDX-License-Identifier: MIT */
/*
 * One entry of a git tree, as a hostile pusher may have made it: whether its name and mode may
 * become a file (git's own list: verify_path in read-cache.c, git-fsck(1)).
 */
#ifndef RECEIVER_ENTRY_H
#define RECEIVER_ENTRY_H

#include <stdbool.h>

#include "base/error.h"

enum entry_kind { ENTRY_FILE = 1, ENTRY_PROGRAM, ENTRY_SYMLINK, ENTRY_FOLDER, ENTRY_SUBMODULE };

#define ENTRY_NAME_MAX 255

/* The kind for a tree entry's mode (octal as git stores it); false for any other mode. 100664 of
 * old repositories is a file. */
bool entry_kind_of(unsigned mode, enum entry_kind *out);

/* Refuses "", ".", "..", names with "/" or too long, and whatever some file system takes for
 * ".git": other case, characters that HFS+ ignores, NTFS's short name, streams, trailing dots and
 * spaces. FOLDER (for the message) is the path of the tree that holds it, "" for the root. */
int entry_check_name(const char *name, enum entry_kind kind, const char *folder, struct error *err);

/* NAME with control characters as "?", cut to what fits a message; the caller frees it. */
char *entry_printable(const char *name);

#endif
