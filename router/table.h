/* SPDX-License-Identifier: MIT */
/*
 * The table file: a JSON document with one app per line,
 *   {"version":7,"apps":{
 *   "blog":{"state":"up","hosts":["blog.example.com"],"backends":[["blog.web.1","10.2.0.2",5000]]},
 *   ...}}
 * The version goes up by one with every change and stands in the first bytes, where nginx looks for
 * it (lua/routes.lua). "page":true: lib/router/pages/APP.html holds the app's maintenance page.
 */
#ifndef ROUTER_TABLE_H
#define ROUTER_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "router/router.h"

struct table {
	uint64_t version;
	json_t *apps; /* by name; NULL before table_read */
};

#define TABLE_INIT                                                                                 \
	{                                                                                          \
		0, NULL                                                                            \
	}

/* Reads PATH; a missing file is an empty table of version 0. */
int table_read(struct table *t, const char *path, struct error *err);
void table_release(struct table *t);
#define _cleanup_table_ _cleanup_(table_release)

/* Durably replaces PATH. */
int table_write(const struct table *t, const char *path, struct error *err);

/* Takes every backend out; whether there was one. */
bool table_forget_backends(struct table *t);
/* Sets one app, checking every name and address. *out_changed is false when the table says so
 * already. RESERVED is a host that no app may have. */
int table_set(struct table *t, const struct router_app *app, const char *reserved,
	      bool *out_changed, struct error *err);
bool table_remove(struct table *t, const char *app);

#endif
