/* SPDX-License-Identifier: MIT */
/*
 * The SHA-256 of what passes by, as the image specification writes it (without "sha256:"). By
 * nettle, which libarchive brings along: it has the processor's own instructions for it, and an
 * image is hashed at the speed of its disk; libsodium's takes six times as long.
 */
#ifndef RUNTIME_DIGEST_H
#define RUNTIME_DIGEST_H

#include <nettle/sha2.h>
#include <stddef.h>

#define DIGEST_SIZE 65 /* with the NUL */

struct digest {
	struct sha256_ctx state;
};

void digest_begin(struct digest *d);
void digest_add(struct digest *d, const void *data, size_t len);
/* Writes it in hexadecimal digits; *d is as after digest_begin. */
void digest_end(struct digest *d, char out[DIGEST_SIZE]);

#endif
