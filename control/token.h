/* SPDX-License-Identifier: MIT */
/*
 * API tokens: "brt_" and 40 letters and digits from the kernel's random numbers (238 bits). Only
 * a hash is kept: since nobody can guess a token, a plain fast hash (BLAKE2b, libsodium's
 * generichash) keeps it as well as a slow one would.
 */
#ifndef CONTROL_TOKEN_H
#define CONTROL_TOKEN_H

#include <stdbool.h>

#define TOKEN_PREFIX "brt_"
#define TOKEN_RANDOM_CHARS 40
#define TOKEN_TEXT_SIZE (sizeof(TOKEN_PREFIX) + TOKEN_RANDOM_CHARS) /* with the NUL */
#define TOKEN_HASH_SIZE 32

/* A new token into OUT. The caller shows it once and erases it (sodium_memzero). */
void token_make(char out[TOKEN_TEXT_SIZE]);
/* TEXT has the form of a token. */
bool token_is_wellformed(const char *text);
/* The hash under which TEXT is kept and found. */
void token_hash(const char *text, unsigned char out[TOKEN_HASH_SIZE]);
/* In constant time. */
bool token_hash_equal(const unsigned char a[TOKEN_HASH_SIZE],
		      const unsigned char b[TOKEN_HASH_SIZE]);

#endif
