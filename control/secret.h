/* SPDX-License-Identifier: MIT */
/*
 * Config values at rest: libsodium's secretbox (XSalsa20-Poly1305) under etc/master.key, 32 random
 * bytes. A sealed value is the nonce followed by the box.
 */
#ifndef CONTROL_SECRET_H
#define CONTROL_SECRET_H

#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "instance/instance.h"

struct secret {
	unsigned char key[32];
};

/* Reads etc/master.key. */
int secret_open(struct secret *s, const struct instance *inst, struct error *err);
void secret_close(struct secret *s); /* wipes the key */
void secret_seal(const struct secret *s, const void *data, size_t len, struct strbuf *out);
/* Fails with ERROR_INVALID when the value was not sealed under this key. */
int secret_unseal(const struct secret *s, const void *data, size_t len, struct strbuf *out,
		  struct error *err);

#endif
