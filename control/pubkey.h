/* SPDX-License-Identifier: MIT */
/*
 * A person's ssh public key, as in id_ed25519.pub: "TYPE BASE64 [COMMENT]" (sshd(8), RFC 4253
 * section 6.6, RFC 5656, RFC 8709). Only what sshd would accept and what holds today: ed25519,
 * ecdsa, rsa from 2048 bits, and their hardware-backed forms; no options, no certificates.
 */
#ifndef CONTROL_PUBKEY_H
#define CONTROL_PUBKEY_H

#include <stddef.h>

#include "base/error.h"

#define PUBKEY_MAX 8192
#define PUBKEY_FINGERPRINT_SIZE 64

struct pubkey {
	char *line;                                /* "TYPE BASE64", canonical, without comment */
	char *comment;                             /* printable, "" when there is none */
	char fingerprint[PUBKEY_FINGERPRINT_SIZE]; /* "SHA256:...", as `ssh-keygen -l` prints */
	unsigned bits;
};

/* Parses one line of LEN bytes; white space around it is ignored. Fails with ERROR_INVALID and says
 * what to paste instead. On success the caller releases OUT. */
int pubkey_parse(const char *text, size_t len, struct pubkey *out, struct error *err);
void pubkey_release(struct pubkey *key);

#endif
