/* SPDX-License-Identifier: MIT */
#include "control/secret.h"

#include <fcntl.h>
#include <sodium.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

_Static_assert(sizeof(((struct secret *)0)->key) == crypto_secretbox_KEYBYTES, "key size");

int secret_open(struct secret *s, const struct instance *inst, struct error *err)
{
	_cleanup_free_ char *path = xasprintf("%s/master.key", inst->etc);
	_cleanup_strbuf_ struct strbuf key = STRBUF_INIT;
	if (sodium_init() < 0)
		return error_set(err, ERROR_SYSTEM, 0, "libsodium does not start");
	if (file_read(AT_FDCWD, path, sizeof(s->key), &key, err) < 0)
		return error_wrap(err, "master key");
	if (key.len != sizeof(s->key)) {
		sodium_memzero(key.data, key.len);
		return error_set(err, ERROR_INVALID, 0, "'%s' is not %zu bytes long", path,
				 sizeof(s->key));
	}
	memcpy(s->key, key.data, sizeof(s->key));
	sodium_memzero(key.data, key.len);
	return 0;
}

void secret_close(struct secret *s)
{
	sodium_memzero(s->key, sizeof(s->key));
}

void secret_seal(const struct secret *s, const void *data, size_t len, struct strbuf *out)
{
	unsigned char nonce[crypto_secretbox_NONCEBYTES];
	randombytes_buf(nonce, sizeof(nonce));
	strbuf_add(out, nonce, sizeof(nonce));
	size_t box = len + crypto_secretbox_MACBYTES;
	char *place = strbuf_grow(out, box);
	crypto_secretbox_easy((unsigned char *)place, data, len, nonce, s->key);
	strbuf_grown(out, box);
}

int secret_unseal(const struct secret *s, const void *data, size_t len, struct strbuf *out,
		  struct error *err)
{
	const unsigned char *bytes = data;
	if (len < crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES)
		return error_set(err, ERROR_INVALID, 0, "a sealed value is cut short");
	const unsigned char *box = bytes + crypto_secretbox_NONCEBYTES;
	size_t box_len = len - crypto_secretbox_NONCEBYTES;
	size_t plain = box_len - crypto_secretbox_MACBYTES;
	char *place = strbuf_grow(out, plain);
	if (crypto_secretbox_open_easy((unsigned char *)place, box, box_len, bytes, s->key) < 0)
		return error_set(err, ERROR_INVALID, 0,
				 "a sealed value does not open: master.key is not the one it was "
				 "sealed with");
	strbuf_grown(out, plain);
	return 0;
}
