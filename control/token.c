/* SPDX-License-Identifier: MIT */
#include "control/token.h"

#include <sodium.h>
#include <string.h>

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

void token_make(char out[TOKEN_TEXT_SIZE])
{
	char *p = out + sizeof(TOKEN_PREFIX) - 1;

	memcpy(out, TOKEN_PREFIX, sizeof(TOKEN_PREFIX));
	for (size_t i = 0; i < TOKEN_RANDOM_CHARS; i++)
		*p++ = alphabet[randombytes_uniform(sizeof(alphabet) - 1)];
	*p = '\0';
}

bool token_is_wellformed(const char *text)
{
	size_t prefix = sizeof(TOKEN_PREFIX) - 1;

	return strncmp(text, TOKEN_PREFIX, prefix) == 0 &&
	       strspn(text + prefix, alphabet) == TOKEN_RANDOM_CHARS &&
	       text[prefix + TOKEN_RANDOM_CHARS] == '\0';
}

void token_hash(const char *text, unsigned char out[TOKEN_HASH_SIZE])
{
	/* the key only keeps these hashes apart from hashes of other things */
	static const unsigned char key[] = "berth api token, form 1";

	crypto_generichash(out, TOKEN_HASH_SIZE, (const unsigned char *)text, strlen(text), key,
			   sizeof(key) - 1);
}

bool token_hash_equal(const unsigned char a[TOKEN_HASH_SIZE],
		      const unsigned char b[TOKEN_HASH_SIZE])
{
	return sodium_memcmp(a, b, TOKEN_HASH_SIZE) == 0;
}
