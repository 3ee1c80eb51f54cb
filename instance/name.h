/* SPDX-License-Identifier: MIT */
/*
 * Berth's words: what an app, a process type, an id, a domain and a config key may look like.
 * Every name from outside passes here before it becomes part of a path, a query or a message.
 */
#ifndef INSTANCE_NAME_H
#define INSTANCE_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define NAME_APP_MAX 63
#define NAME_TYPE_MAX 63
#define NAME_ID_MAX 127
#define NAME_KEY_MAX 255
#define NAME_DOMAIN_MAX 253

/* Lower-case letters, digits, "-" and "."; starts with a letter or digit, no "..", does not end
 * with "." or ".git". Errors say what is allowed. */
int name_check_app(const char *s, struct error *err);
/* [A-Za-z0-9_-]+ */
int name_check_type(const char *s, struct error *err);
/* [A-Za-z_][A-Za-z0-9_]* */
int name_check_key(const char *s, struct error *err);
/* A host name in lower case (letters, digits, "-", at least one label, each at most 63), with "*."
 * allowed in front. The caller lower-cases first. */
int name_check_domain(const char *s, struct error *err);
/* A key's or token's name: [A-Za-z0-9][A-Za-z0-9._@-]*, at most 127. */
int name_check_label(const char *s, struct error *err);
/* Ids of layers, trees, containers, volumes: [a-z0-9][a-z0-9._-]*, no "..". */
bool name_is_id(const char *s);

#endif
