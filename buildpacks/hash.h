/* SPDX-License-Identifier: MIT */
/*
 * Ids of what is made from something: BLAKE2b over a list of items, each with its length before it,
 * so that no two lists give the same bytes.
 */
#ifndef BUILDPACKS_HASH_H
#define BUILDPACKS_HASH_H

#include <stddef.h>
#include <sodium.h>

#include "base/error.h"
#include "base/strvec.h"

#define HASH_TEXT 33 /* 32 hex digits and a NUL */

struct hash {
	crypto_generichash_state state;
};

/* PURPOSE keeps the ids of different things apart. */
void hash_init(struct hash *h, const char *purpose);
void hash_add(struct hash *h, const void *data, size_t len);
/* NULL differs from "". */
void hash_addstr(struct hash *h, const char *s);
/* Each item, and where the list ends. */
void hash_addlist(struct hash *h, const struct strvec *list);
void hash_text(struct hash *h, char out[HASH_TEXT]);

/* The names, modes and contents of all files below FOLDER, and where its links say that they lead;
 * no link is followed. The caller frees *out. */
int hash_tree(const char *folder, char **out, struct error *err);

#endif
