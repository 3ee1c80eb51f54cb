/* SPDX-License-Identifier: MIT */
/*
 * Splitting SSH_ORIGINAL_COMMAND into words, without a shell. The quoting is that of POSIX shells
 * (XCU 2.2), and nothing else of them: no variable, no command, no pattern and no "~" is expanded,
 * and ";", "|", "&", "<", ">", "#" and the like are ordinary characters.
 *
 *   'text'   everything up to the next "'" is itself
 *   "text"   likewise up to the next '"', but \" \\ \$ \` stand for the second character and a
 *            backslash before a newline disappears with it; any other backslash is itself
 *   \c       outside quotes: c itself
 *
 * Words are separated by spaces and tabs. A newline or tab inside quotes is kept, so that config
 * values of several lines can be set over ssh; everywhere else control characters are refused, and
 * NUL and DEL always are. Bytes from 0x80 are kept as they are.
 */
#ifndef RECEIVER_WORDS_H
#define RECEIVER_WORDS_H

#include <stddef.h>

#include "base/error.h"
#include "base/strvec.h"

/* The kernel passes no longer string in an environment (execve(2): MAX_ARG_STRLEN). */
#define WORDS_MAX_BYTES (128u << 10)
#define WORDS_MAX 1024

/* Appends the words of LINE (LEN bytes) to OUT. Fails with ERROR_USAGE, and leaves OUT as it was,
 * when the line is malformed, too long, or has too many words. No word at all is no error. */
int words_split(const char *line, size_t len, struct strvec *out, struct error *err);

/* The rest of LINE, which words_split takes, from its word INDEX (from 0) on: quotes and all, as it
 * was written. Points into LINE; at its end when there are fewer words. */
const char *words_tail(const char *line, size_t index);

#endif
