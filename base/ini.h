/* SPDX-License-Identifier: MIT */
/*
 * Settings in INI form: "[section]", "key = value", "#" or ";" comments. Keys are unique within a
 * section; anything else is an error with its line number.
 */
#ifndef BASE_INI_H
#define BASE_INI_H

#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

struct ini_entry {
	char *section, *key, *value;
};

struct ini {
	struct ini_entry *entries;
	size_t n;
};

#define INI_INIT                                                                                   \
	{                                                                                          \
		NULL, 0                                                                            \
	}

/* Reads PATH (at most 1 MiB) into INI, which must be empty. */
int ini_read(struct ini *ini, const char *path, struct error *err);
int ini_parse(struct ini *ini, const char *text, size_t len, const char *name, struct error *err);
void ini_release(struct ini *ini);
/* The value, or NULL; owned by INI. */
const char *ini_get(const struct ini *ini, const char *section, const char *key);

#define _cleanup_ini_ _cleanup_(ini_release)

#endif
