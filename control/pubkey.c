// SPDX-License-Identifier: MIT
#include "control/pubkey.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <sodium.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

enum pubkey_family { FAMILY_ED25519, FAMILY_ECDSA, FAMILY_RSA };

struct pubkey_type {
	const char *name;
	enum pubkey_family family;
	bool hardware;     /* followed by the application's name */
	const char *curve; /* for FAMILY_ECDSA */
	size_t point;      /* bytes of the encoded public point, or of the ed25519 key */
	unsigned bits;
};

static const struct pubkey_type types[] = {
	{"ssh-ed25519", FAMILY_ED25519, false, NULL, 32, 256},
	{"sk-ssh-ed25519@openssh.com", FAMILY_ED25519, true, NULL, 32, 256},
	{"ecdsa-sha2-nistp256", FAMILY_ECDSA, false, "nistp256", 65, 256},
	{"ecdsa-sha2-nistp384", FAMILY_ECDSA, false, "nistp384", 97, 384},
	{"ecdsa-sha2-nistp521", FAMILY_ECDSA, false, "nistp521", 133, 521},
	{"sk-ecdsa-sha2-nistp256@openssh.com", FAMILY_ECDSA, true, "nistp256", 65, 256},
	{"ssh-rsa", FAMILY_RSA, false, NULL, 0, 0},
};

#define RSA_MIN_BITS 2048
#define RSA_MAX_BITS 16384

/* What is left of a decoded key. */
struct blob {
	const unsigned char *data;
	size_t len;
};

/* The next length-prefixed piece (RFC 4251, "string" and "mpint"). */
static bool blob_next(struct blob *blob, struct blob *out)
{
	if (blob->len < 4)
		return false;
	const unsigned char *p = blob->data;
	size_t n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	if (n > blob->len - 4)
		return false;
	*out = (struct blob){p + 4, n};
	blob->data += 4 + n;
	blob->len -= 4 + n;
	return true;
}

static bool blob_is(const struct blob *blob, const char *text)
{
	return blob->len == strlen(text) && !memcmp(blob->data, text, blob->len);
}

/* Bits of a positive mpint; 0 when it is none. */
static unsigned mpint_bits(const struct blob *n)
{
	const unsigned char *p = n->data;
	size_t len = n->len;

	if (!len || (p[0] & 0x80) || len > RSA_MAX_BITS / 8 + 1)
		return 0;
	while (len && !*p) {
		p++;
		len--;
	}
	if (!len)
		return 0;
	unsigned bits = (unsigned)(len - 1) * 8;
	for (unsigned top = *p; top; top >>= 1)
		bits++;
	return bits;
}

static int damaged(struct error *err)
{
	return error_set(err, ERROR_INVALID, 0,
			 "the key is damaged: paste the whole line of the .pub file");
}

static int check_rsa(struct blob *rest, unsigned *out_bits, struct error *err)
{
	struct blob exponent, modulus;

	if (!blob_next(rest, &exponent) || !blob_next(rest, &modulus) || !mpint_bits(&exponent))
		return damaged(err);
	unsigned bits = mpint_bits(&modulus);
	if (!bits || bits > RSA_MAX_BITS)
		return damaged(err);
	if (bits < RSA_MIN_BITS)
		return error_set(err, ERROR_INVALID, 0,
				 "an rsa key of %u bits is too weak: make one with 'ssh-keygen -t "
				 "ed25519'",
				 bits);
	*out_bits = bits;
	return 0;
}

/* The whole of the key's bytes must be what TYPE says, to the last one. */
static int check_blob(const struct pubkey_type *type, struct blob rest, unsigned *out_bits,
		      struct error *err)
{
	struct blob name, piece;

	if (!blob_next(&rest, &name) || !blob_is(&name, type->name))
		return damaged(err);
	*out_bits = type->bits;
	if (type->family == FAMILY_RSA) {
		if (check_rsa(&rest, out_bits, err))
			return -1;
	} else {
		if (type->family == FAMILY_ECDSA &&
		    (!blob_next(&rest, &piece) || !blob_is(&piece, type->curve)))
			return damaged(err);
		if (!blob_next(&rest, &piece) || piece.len != type->point ||
		    (type->family == FAMILY_ECDSA && piece.data[0] != 0x04))
			return damaged(err);
	}
	if (type->hardware && (!blob_next(&rest, &piece) || !piece.len))
		return damaged(err);
	return rest.len ? damaged(err) : 0;
}

static const struct pubkey_type *find_type(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (str_equal(types[i].name, name))
			return &types[i];
	return NULL;
}

static int refuse_type(const char *name, struct error *err)
{
	char shown[41];
	size_t n = 0;

	for (; n < sizeof(shown) - 1 && name[n]; n++)
		shown[n] = (char)((unsigned char)name[n] < 0x20 || name[n] == 0x7f ? '?' : name[n]);
	shown[n] = '\0';
	return error_set(err, ERROR_INVALID, 0,
			 "'%s' is no type of key: paste the line of a .pub file, which starts with "
			 "ssh-ed25519, ecdsa-sha2-..., ssh-rsa or sk-...",
			 shown);
}

static void fill_fingerprint(struct pubkey *key, const unsigned char *blob, size_t len)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char text[sodium_base64_ENCODED_LEN(sizeof(hash), sodium_base64_VARIANT_ORIGINAL)];

	crypto_hash_sha256(hash, blob, len);
	sodium_bin2base64(text, sizeof(text), hash, sizeof(hash),
			  sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	snprintf(key->fingerprint, sizeof(key->fingerprint), "SHA256:%s", text);
}

static char *clean_comment(const char *text)
{
	struct strbuf out = STRBUF_INIT;

	for (; *text && out.len < 200; text++)
		strbuf_addch(&out, (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
	strbuf_trim(&out);
	return strbuf_detach(&out);
}

int pubkey_parse(const char *text, size_t len, struct pubkey *out, struct error *err)
{
	unsigned char blob[PUBKEY_MAX];
	size_t blob_len;
	unsigned bits = 0;

	if (len > PUBKEY_MAX)
		return error_set(err, ERROR_INVALID, 0, "the key is longer than %d bytes",
				 PUBKEY_MAX);
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	strbuf_add(&line, text, len);
	strbuf_trim(&line);
	if (!line.len)
		return error_set(err, ERROR_INVALID, 0, "no key was given");
	if (memchr(line.data, '\0', line.len))
		return damaged(err);
	if (strstr(line.data, "PRIVATE KEY"))
		return error_set(
			err, ERROR_INVALID, 0,
			"this is a private key: keep it to yourself and paste the .pub file");
	if (strpbrk(line.data, "\r\n"))
		return error_set(err, ERROR_INVALID, 0, "a key is one line: add them one by one");
	char *base64 = line.data + strcspn(line.data, " \t");
	if (*base64)
		*base64++ = '\0';
	const struct pubkey_type *type = find_type(line.data);
	if (!type)
		return refuse_type(line.data, err);
	base64 += strspn(base64, " \t");
	char *comment = base64 + strcspn(base64, " \t");
	if (*comment)
		*comment++ = '\0';
	if (sodium_base642bin(blob, sizeof(blob), base64, strlen(base64), NULL, &blob_len, NULL,
			      sodium_base64_VARIANT_ORIGINAL))
		return damaged(err);
	if (check_blob(type, (struct blob){blob, blob_len}, &bits, err))
		return -1;
	*out = (struct pubkey){.bits = bits};
	out->line = xasprintf("%s %s", type->name, base64);
	out->comment = clean_comment(comment);
	fill_fingerprint(out, blob, blob_len);
	return 0;
}

void pubkey_release(struct pubkey *key)
{
	free(key->line);
	free(key->comment);
	*key = (struct pubkey){0};
}
