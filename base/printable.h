/* SPDX-License-Identifier: MIT */
/*
 * Text that somebody else wrote, as a terminal may see it: what an app printed, a file's name, a
 * reason that git gave must not move the cursor, change the title or answer as if typed.
 */
#ifndef BASE_PRINTABLE_H
#define BASE_PRINTABLE_H

#include <stddef.h>

#include "base/strbuf.h"

/* How many bytes at P are one control character: C0 but for tab and newline, DEL, or C1 in UTF-8;
 * 0: none. P ends in a NUL. */
size_t printable_control(const char *p);
/* Appends S; each byte of a control character becomes "\xNN". */
void printable_add(struct strbuf *out, const char *s);

/* The length of the colour at P, ESC [ ... m; 0: none. */
size_t printable_colour(const char *p);
/* The same for the output of a program, whose colours and carriage returns stay. */
void printable_add_output(struct strbuf *out, const char *s);

#endif
