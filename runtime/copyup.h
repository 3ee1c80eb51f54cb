/* SPDX-License-Identifier: MIT */
/*
 * A copy of a folder's content, for a tmpfs or a volume that starts with what the image has in its
 * place:
 * files, folders and links with their modes and owners; anything else is left out. System calls
 * only.
 */
#ifndef RUNTIME_COPYUP_H
#define RUNTIME_COPYUP_H

#include <stdint.h>

struct copyup_limits {
	uint64_t files, bytes;
};

/* Gives 0 or -1 with errno: EFBIG when it is more than LIMITS (which are used up; NULL: none). TO
 * may be an O_PATH descriptor. */
int copyup_tree(int from, int to, struct copyup_limits *limits);

#endif
