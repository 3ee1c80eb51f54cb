/* SPDX-License-Identifier: MIT */
/*
 * Names of images: "redis:7", as Docker writes them. A tag keeps its image, and what that is made
 * of, from being collected. Several may name one image; giving a name again moves it.
 */
#ifndef CONTROL_IMAGETAG_H
#define CONTROL_IMAGETAG_H

#include <stdint.h>

#include "base/strvec.h"
#include "control/context.h"

#define IMAGETAG_MAX 255

struct imagetag {
	char *name, *image;
	int64_t created_at;
};

void imagetag_list_free(struct imagetag *list, size_t n);

/* Whether S is "NAME[:TAG]" or "HOST[:PORT]/NAME[:TAG]", possibly with "@sha256:HEX" at its end. */
bool imagetag_is_name(const char *s);
/* S with ":latest" where it says neither tag nor digest. The caller frees it. */
char *imagetag_full(const char *s);

int imagetag_set(struct db *db, const char *name, const char *image, struct error *err);
int imagetag_remove(struct db *db, const char *name, struct error *err);
/* Sorted by name. The caller frees *out with imagetag_list_free. */
int imagetag_list(struct db *db, struct imagetag **out, size_t *out_n, struct error *err);
/* The image that NAME (a tag, or an image's id of which 6 digits or more are given) means. */
int imagetag_find(struct context *c, const char *name, char **out_image, struct error *err);
/* Appends the ids of all that have a name. */
int imagetag_ids(struct db *db, struct strvec *out, struct error *err);

#endif
