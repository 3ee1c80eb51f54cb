/* SPDX-License-Identifier: MIT */
/* The lines of resolv.conf(5). */
#ifndef BASE_RESOLVCONF_H
#define BASE_RESOLVCONF_H

#include <stdbool.h>

/* Cuts the next line "WORD ARGUMENTS" off *text, which it changes; comments and empty lines are
 * passed over. False at the end. */
bool resolvconf_line(char **text, char **out_word, char **out_rest);

#endif
