/* SPDX-License-Identifier: MIT */
/*
 * Colours of what is said to a person. Whether there are any is decided here and nowhere else: by
 * the program that the person started, which knows the terminal and the environment; it tells the
 * process that prints (`--colour both` in front of the command's words), which keeps that for its
 * stdout and stderr. Everybody else prints plain text with its marks, and paints it last.
 *
 * Environment: NO_COLOR, not empty: none. Otherwise CLICOLOR_FORCE, not empty and not 0: always.
 * Otherwise only on a terminal whose TERM is not "dumb".
 */
#ifndef BASE_COLOUR_H
#define BASE_COLOUR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

enum colour_streams { COLOUR_NONE = 0, COLOUR_OUT = 1, COLOUR_ERR = 2 };

/* Which of this process's own stdout and stderr a person sees in colours. */
unsigned colour_wanted(void);

/* The same as a word ("none", "out", "err", "both") and back; false for another word. */
const char *colour_name(unsigned streams);
bool colour_parse(const char *name, unsigned *out);

/* What holds in this process from now on; at first there are none. Async-signal-safe. */
void colour_set(unsigned streams);
unsigned colour_get(void);
/* Whether what goes to FD is painted: FD 1 or 2; never another one. */
bool colour_on(int fd);

/* How lines that are marked " !     " look. */
enum colour_tone { COLOUR_WARNING, COLOUR_ERROR };

/* Appends TEXT to OUT with the marks of its lines painted: "----->" and "=====>" themselves, and
 * what follows " !     ". TEXT is a piece of a stream: *MID_LINE (false at the stream's start) says
 * that it goes on in a line. */
void colour_paint(struct strbuf *out, const char *text, size_t len, enum colour_tone tone,
		  bool *mid_line);

/* " !     MESSAGE" on stderr, from a program that a person started and that asked nobody else:
 * control characters are shown, colours are what colour_wanted says. */
void colour_complain(const char *message);
void colour_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
