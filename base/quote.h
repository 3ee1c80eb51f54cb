/* SPDX-License-Identifier: MIT */
/* Words and the lines that a POSIX shell reads them from. */
#ifndef BASE_QUOTE_H
#define BASE_QUOTE_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "base/strvec.h"

/* Appends S so that a shell reads it as one word: as it is when it consists of letters, digits and
 * "@%_+=:,./-", otherwise in single quotes. */
void quote_shell(struct strbuf *out, const char *s);

/* Appends WORDS, separated by spaces. */
void quote_words(struct strbuf *out, const struct strvec *words);

/* The words of LINE when a shell would do nothing with it but split it and execute the first: what
 * quote_words gives always is such a line. Gives false, and leaves OUT, for expansions, operators,
 * assignments, words of the shell's own, and a line without words. */
bool quote_split(const char *line, struct strvec *out);

#endif
