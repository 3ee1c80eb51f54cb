/* SPDX-License-Identifier: MIT */
/*
 * Which plugins are enabled and what they declare, kept in one small file (lib/plugins/.index) so
 * that a deploy on an instance without plugins costs one open and one read. Everything that
 * changes a plugin rewrites it (plugins/store.h); so does plugin_store_refresh, which berthd calls
 * once at its start, because an upgrade of Berth may bring other bundled plugins.
 */
#ifndef PLUGINS_INDEX_H
#define PLUGINS_INDEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "instance/instance.h"
#include "plugins/manifest.h"

struct plugin_entry {
	bool bundled; /* in share/berth/plugins, not in lib/plugins */
	struct manifest manifest;
};

struct plugin_index {
	struct plugin_entry *entries; /* in the order of their names */
	size_t n;
};

#define PLUGIN_INDEX_INIT                                                                          \
	{                                                                                          \
		NULL, 0                                                                            \
	}

void plugin_index_release(struct plugin_index *index);
#define _cleanup_plugin_index_ _cleanup_(plugin_index_release)

/* Adds an empty entry at the end; valid until the next call. */
struct plugin_entry *plugin_index_add(struct plugin_index *index);
void plugin_index_sort(struct plugin_index *index);
struct plugin_entry *plugin_index_find(const struct plugin_index *index, const char *name);

/* The file's form: a line per plugin, command, trigger and setting, fields parted by tabs (which
 * a manifest's text cannot hold). */
void plugin_index_format(const struct plugin_index *index, struct strbuf *out);
/* INDEX must be empty. A form of another version is ERROR_UNSUPPORTED. */
int plugin_index_parse(struct plugin_index *index, const char *text, struct error *err);

/* Reads lib/plugins/.index into INDEX, which must be empty; no file is an empty index. */
int plugin_index_load(const struct instance *inst, struct plugin_index *index, struct error *err);
int plugin_index_save(const struct instance *inst, const struct plugin_index *index,
		      struct error *err);

#endif
