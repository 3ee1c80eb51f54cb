/* SPDX-License-Identifier: MIT */
#ifndef WORD_H
#define WORD_H

const char *word(void);

#endif
