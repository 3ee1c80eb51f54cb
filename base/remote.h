/* SPDX-License-Identifier: MIT */
/*
 * Somebody else's git repository: its address is checked, and what is wanted of it is fetched into
 * a bare repository of ours, by git itself. git gets no prompt, no hook, no transport but the
 * allowed ones, no time without end and no pack past a size; its environment is empty but for the
 * machine's proxy and certificate settings.
 *
 * Credentials are in one folder of the caller's: `.netrc` (curl's), `id_ed25519` and `known_hosts`
 * (ssh's). Without that folder only what everybody may read can be fetched.
 */
#ifndef BASE_REMOTE_H
#define BASE_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

#define REMOTE_COMMIT_SIZE 65 /* hex digits of a commit id and a NUL */
#define REMOTE_TIMEOUT_MS 300000
#define REMOTE_MAX_PACK (2ull << 30)

/* What only the caller knows a way out of. */
enum remote_trouble {
	REMOTE_PLAIN_HTTP, /* http:// where that is not allowed */
	REMOTE_HOST_KEY,   /* ssh does not know the host's key */
	REMOTE_ACCESS,     /* the host wants other credentials */
};

/* Appends to OUT what to do about TROUBLE with HOST ("example.com:2222"), as the end of a message.
 */
typedef void remote_advice(enum remote_trouble trouble, const char *host, struct strbuf *out);

struct remote {
	const char *url;
	const char *ref;         /* branch, tag or commit; NULL: the remote's HEAD */
	const char *git_dir;     /* absolute: a bare repository of the caller's user */
	const char *store;       /* the ref that keeps what came, as "refs/berth/sync" */
	const char *credentials; /* that folder, or NULL */
	remote_advice *advice;   /* NULL: there are no credentials to ask for */
	bool allow_http;         /* without TLS: whoever is on the way may change what arrives */
	bool allow_file;
	bool no_redirects; /* the host was checked: stay with it */
	unsigned depth;    /* commits of history; 0: all */
	uint64_t max_pack; /* bytes of one pack; 0: REMOTE_MAX_PACK */
	int timeout_ms;    /* of each step; 0: REMOTE_TIMEOUT_MS */
	int progress_fd; /* git's progress and complaints; -1: none, complaints become the error */
};

/* https://, ssh://, git://, HOST:PATH (scp's form), and http:// or file:/// where R allows them;
 * anything else is refused with that list. ADVICE may be NULL. */
int remote_check_url(const char *url, bool allow_http, bool allow_file, remote_advice *advice,
		     struct error *err);
/* A branch, tag or commit: letters, digits and "._/-", no ".." and no leading "-". */
int remote_check_ref(const char *ref, struct error *err);
/* The host in URL, with ":PORT" where one is given, in lower case; "" for file:///. The caller
 * frees it. */
char *remote_host(const char *url);

/* Makes the bare repository GIT_DIR, without template or hook. */
int remote_init(const char *git_dir, struct error *err);

/* Fetches R->ref into R->store and gives the commit. The error says which of these it was: the
 * host cannot be reached, it wants other credentials, there is no such repository, no such ref. */
int remote_fetch(const struct remote *r, char out_commit[REMOTE_COMMIT_SIZE], struct error *err);

#endif
