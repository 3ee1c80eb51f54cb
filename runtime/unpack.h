/* SPDX-License-Identifier: MIT */
/*
 * Unpacking an archive into the current folder, for the confined child of import.c: it trusts
 * nothing in the archive, but relies on the folder being its root and on having no privilege that
 * matters outside.
 */
#ifndef RUNTIME_UNPACK_H
#define RUNTIME_UNPACK_H

#include "base/error.h"

/* What libarchive would look up late, after the root has changed to the tenant's. */
void unpack_prepare(void);
/* Unpacks the tar that FD gives. Errors name the entry. */
int unpack_tar(int fd, struct error *err);

#endif
