/* SPDX-License-Identifier: MIT */
/*
 * The plugins of an instance, on disk:
 *
 *   lib/plugins/NAME/            an installed plugin: files of user berth that everybody may read
 *   lib/plugins/.origin/NAME     where it came from: kind, address, committish, commit; a line each
 *   lib/plugins/.disabled/NAME   exists: the plugin is disabled
 *   lib/plugins/.index           plugins/index.h
 *   lib/plugins/.lock            held while any of this changes
 *   share/berth/plugins/NAME/    bundled plugins, part of Berth itself; enabled unless disabled
 *
 * A plugin is unpacked and checked in a folder with a hidden random name and then renamed (an
 * update exchanges the two folders), so that another process sees no plugin, the old one or the
 * new one. Called by berthd's workers, as user berth.
 */
#ifndef PLUGINS_STORE_H
#define PLUGINS_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"

struct plugin_info {
	char *name, *version, *description;
	bool bundled, enabled;
	char *origin; /* "bundled", the git address, or the folder; never NULL */
	char *commit; /* of a git repository, otherwise "" */
	char *broken; /* why it cannot be used, or NULL */
};

struct plugin_list {
	struct plugin_info *items; /* in the order of their names */
	size_t n;
};

#define PLUGIN_LIST_INIT                                                                           \
	{                                                                                          \
		NULL, 0                                                                            \
	}

void plugin_list_release(struct plugin_list *list);
#define _cleanup_plugin_list_ _cleanup_(plugin_list_release)

/* Every plugin, the disabled and broken ones too. LIST must be empty. */
int plugin_store_list(const struct instance *inst, struct plugin_list *list, struct error *err);

/* What every way of installing takes and gives. */
struct plugin_install {
	/* Names that a plugin may not have: Berth's own command groups. May be NULL. */
	const struct strvec *reserved;
	bool update;      /* replace the plugin that is there; otherwise its name must be free */
	const char *name; /* the name that it must have, NULL: any (updates set it) */
	char *out_name, *out_version; /* filled in on success; the caller frees both */
};

/* From a tar stream (plain, gzip, xz, zstd) that a client sends. ORIGIN says where it is from, for
 * plugin:list. A folder that is alone at the top is looked through. */
int plugin_store_install_archive(const struct instance *inst, int fd, const char *origin,
				 struct plugin_install *how, struct error *err);
/* From a folder or an archive file that user berth can read. */
int plugin_store_install_path(const struct instance *inst, const char *path,
			      struct plugin_install *how, struct error *err);
/* From a git repository; COMMITTISH NULL is its default branch. */
int plugin_store_install_git(const struct instance *inst, const char *url, const char *committish,
			     struct plugin_install *how, struct error *err);
/* Fetches NAME again from where it came from, at COMMITTISH (NULL: the one it was installed at). A
 * plugin whose commit is still the newest is left alone: *out_changed says so. */
int plugin_store_update(const struct instance *inst, const char *name, const char *committish,
			struct plugin_install *how, bool *out_changed, struct error *err);

int plugin_store_enable(const struct instance *inst, const char *name, bool enable,
			struct error *err);
/* Removes an installed plugin; a bundled one can only be disabled. Its data
 * (lib/plugins-data/NAME) stays. */
int plugin_store_uninstall(const struct instance *inst, const char *name, struct error *err);

/* Reads every enabled plugin again and rewrites the index; a broken one is left out. Removes what
 * an interrupted installation left. For berthd's start. */
int plugin_store_refresh(const struct instance *inst, struct error *err);

#endif
