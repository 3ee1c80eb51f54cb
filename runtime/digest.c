/* SPDX-License-Identifier: MIT */
#include "runtime/digest.h"

#include <nettle/base16.h>
#include <stdint.h>

void digest_begin(struct digest *d)
{
	sha256_init(&d->state);
}

void digest_add(struct digest *d, const void *data, size_t len)
{
	sha256_update(&d->state, len, data);
}

void digest_end(struct digest *d, char out[DIGEST_SIZE])
{
	uint8_t hash[SHA256_DIGEST_SIZE];

	sha256_digest(&d->state, sizeof(hash), hash);
	base16_encode_update(out, sizeof(hash), hash);
	out[DIGEST_SIZE - 1] = '\0';
}
