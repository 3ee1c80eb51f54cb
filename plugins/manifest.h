/* SPDX-License-Identifier: MIT */
/*
 * plugin.yml: what a plugin says about itself (berth-plugins(7)). The file comes from outside, so
 * the reader is strict and bounded: unknown and repeated keys, anchors, aliases, tags, further
 * documents, control characters and anything too long are errors that name file and line.
 */
#ifndef PLUGINS_MANIFEST_H
#define PLUGINS_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strvec.h"

#define MANIFEST_FILE "plugin.yml"
#define MANIFEST_FILE_MAX 65536
#define MANIFEST_NAME_MAX 32
#define MANIFEST_TEXT_MAX 1024
#define MANIFEST_MAX_COMMANDS 64
#define MANIFEST_MAX_SETTINGS 32
#define MANIFEST_MAX_TIMEOUT 86400u

struct manifest_command {
	char *name; /* called as "PLUGIN:NAME" */
	char *args; /* usage, "" when it takes none */
	char *help;
	unsigned timeout; /* seconds, 0: the instance's default */
};

struct manifest_setting {
	char *key;
	char *fallback; /* used when berth.conf says nothing */
	char *help;
};

struct manifest {
	char *name, *version, *description; /* never NULL after a successful parse */
	unsigned timeout; /* seconds for its triggers, 0: the instance's default */
	struct manifest_command *commands;
	size_t n_commands;
	struct manifest_setting *settings;
	size_t n_settings;
	struct strvec triggers;
};

void manifest_init(struct manifest *m);
void manifest_release(struct manifest *m);
#define _cleanup_manifest_ _cleanup_(manifest_release)

/* Reads LEN bytes of TEXT into M (initialised, empty); LABEL stands in front of the errors. */
int manifest_parse(struct manifest *m, const char *text, size_t len, const char *label,
		   struct error *err);

/* Reads plugin.yml in the folder DIRFD (through no link) and checks that every command and trigger
 * that it declares is an executable file there. */
int manifest_read(struct manifest *m, int dirfd, struct error *err);

/* [a-z0-9][a-z0-9-]*, at most MANIFEST_NAME_MAX: names of plugins, commands, triggers, settings. */
bool manifest_is_name(const char *s);

/* Every trigger that this Berth calls, NULL-terminated. */
extern const char *const manifest_triggers[];

#endif
