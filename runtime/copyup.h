/* SPDX-License-Identifier: MIT */
/*
 * A copy of a folder's content, for a tmpfs that starts with what the image has in its place:
 * files, folders and links with their modes and owners; anything else is left out. System calls
 * only.
 */
#ifndef RUNTIME_COPYUP_H
#define RUNTIME_COPYUP_H

/* Gives 0 or -1 with errno. TO may be an O_PATH descriptor. */
int copyup_tree(int from, int to);

#endif
