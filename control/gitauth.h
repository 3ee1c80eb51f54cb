/* SPDX-License-Identifier: MIT */
/*
 * With what Berth reads other people's repositories, and from where: lib/git holds the passwords
 * (.netrc, one "machine" a line), the deploy key and the known host keys, readable by the user
 * berth only (base/remote.h uses them); the setting "git-allowed-hosts" names the hosts that
 * submodules may come from.
 */
#ifndef CONTROL_GITAUTH_H
#define CONTROL_GITAUTH_H

#include <stdbool.h>

#include "base/remote.h"
#include "base/strbuf.h"
#include "base/strvec.h"
#include "control/context.h"

/* lib/git; the caller frees it. */
char *gitauth_folder(const struct context *c);

/* Which command of this group helps when that is not enough: a remote_advice. */
void gitauth_advise(enum remote_trouble trouble, const char *host, struct strbuf *out);

/* Keeps USER and PASSWORD for HOST; USER NULL forgets what there was. */
int gitauth_set(struct context *c, const char *host, const char *user, const char *password,
		struct error *err);
/* Appends the user and the password that are kept for HOST; *out_found false when none are. */
int gitauth_get(struct context *c, const char *host, struct strbuf *out_user,
		struct strbuf *out_password, bool *out_found, struct error *err);

/* Makes the deploy key; ERROR_EXISTS when there is one. */
int gitauth_make_key(struct context *c, struct error *err);
/* Appends its public half; ERROR_NOT_FOUND says how to make it. */
int gitauth_public_key(struct context *c, struct strbuf *out, struct error *err);

/* Lets submodules come from HOST ("example.com" or "example.com:2222") and, when ssh answers
 * there, keeps its keys and appends their fingerprints. */
int gitauth_allow(struct context *c, const char *host, struct strbuf *out_fingerprints,
		  struct error *err);
int gitauth_allowed(struct context *c, struct strvec *out, struct error *err);
/* The global setting allow-http of git:set. */
int gitauth_allows_http(struct context *c, bool *out, struct error *err);

#endif
