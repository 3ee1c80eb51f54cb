/* SPDX-License-Identifier: MIT */
/*
 * Which extended attributes of a file belong to its content, and go where it is copied, unpacked or
 * packed: those that a program may rely on. Others are the host's (trusted.*, security.selinux), or
 * would change what overlayfs shows (*.overlay.*).
 */
#ifndef BASE_ATTRIBUTE_H
#define BASE_ATTRIBUTE_H

#include <stdbool.h>

/* NAME may be a tenant's. */
bool attribute_is_kept(const char *name);

#endif
