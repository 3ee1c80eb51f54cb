/* SPDX-License-Identifier: MIT */
/* Words for files that a shell reads: the hook scripts and sshd's forced commands. */
#ifndef RECEIVER_QUOTE_H
#define RECEIVER_QUOTE_H

#include "base/strbuf.h"

/* Appends S so that a POSIX shell reads it as one word: as it is when it consists of letters,
 * digits and "@%_+=:,./-", otherwise in single quotes. */
void quote_shell(struct strbuf *out, const char *s);

#endif
