/* SPDX-License-Identifier: MIT */
/*
 * Which of the files that the sending side of a COPY meets are one, with more names than one (hard
 * links), and the numbers that they have on the wire (copywire.h). State of the whole program.
 */
#ifndef BUILDPACKS_COPYLINKS_H
#define BUILDPACKS_COPYLINKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* A source begins: what has names in two sources is two files. */
void copylinks_begin(void);
/*
 * Whether the file ST was met before, in this source; *OUT is its number then. Otherwise *OUT is
 * the number to send it with, 0 when that needs none.
 *
 * DIGEST: the numbers depend on nothing but what is sent. How many names a file has in all does:
 * an earlier version of an app's source shares its unchanged files with the next one's.
 */
bool copylinks_met(const struct stat *st, bool digest, uint32_t *out);

#endif
