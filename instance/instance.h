/* SPDX-License-Identifier: MIT */
/*
 * One Berth on one machine: where its folders and sockets are, who its processes run as, which
 * ports, subnet and id ranges are its own. Every program of Berth opens one first; what it reads
 * comes from etc/berth.conf (berth.conf(5)) and is never written by a tenant.
 *
 * With root "" the folders are /etc/berth, /var/lib/berth and /run/berth; with --root DIR (or
 * BERTH_ROOT) they are DIR/etc, DIR/lib and DIR/run, so that instances live side by side. Each has
 * a `number` of its own (0 to INSTANCE_NUMBERS - 1), from which follow its interface prefix, its
 * /16, its nftables table and its user id ranges.
 */
#ifndef INSTANCE_INSTANCE_H
#define INSTANCE_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/ini.h"

#define INSTANCE_NUMBERS 14
/* Unix socket paths are short (unix(7)); a longer root is refused with this limit in the error. */
#define INSTANCE_ROOT_MAX 70
/* Each id range is 64 Ki ids; range 0 owns the layers, an app has one of 1 to RANGES - 1. */
#define INSTANCE_RANGES 4096
#define INSTANCE_RANGE_SIZE 65536u
/* Where the gateway address of the instance answers its containers' questions for names; they ask
 * at port 53, and the rules lead them here. */
#define INSTANCE_DNS_PORT 1053
/* Inside a container: the user that apps and build scripts run as. */
#define INSTANCE_APP_UID 1000

struct instance {
	char *root;   /* "" or an absolute path without links */
	char *etc;    /* berth.conf, master.key */
	char *lib;    /* berth.db, repos, sources, layers, images, cache, volumes, logs, router */
	char *run;    /* sockets, containers, locks */
	char *prefix; /* where the programs are: prefix/bin, prefix/share/berth */
	char *share;  /* prefix/share/berth: buildpacks, plugins, router (Lua, pages) */
	unsigned number;
	char *user, *web_user, *plugin_user; /* berth, berth-web, berth-plugin */
	uid_t uid, web_uid, plugin_uid;
	gid_t gid, web_gid, plugin_gid;
	struct ini settings; /* everything in berth.conf, for the rooms' own sections */
};

/* Opens the instance at ROOT (NULL: BERTH_ROOT, or the default). The folders need not exist, the
 * users do. berth.conf may be missing for the default instance only. */
int instance_open(struct instance *inst, const char *root, struct error *err);
void instance_release(struct instance *inst);
#define _cleanup_instance_ _cleanup_(instance_release)

/* A path below lib, run or etc: "lib/NAME"; the caller frees it. */
char *instance_lib(const struct instance *inst, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
char *instance_run(const struct instance *inst, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* A setting, or FALLBACK when it is not set. Owned by the instance. */
const char *instance_setting(const struct instance *inst, const char *section, const char *key,
			     const char *fallback);
/* A whole number setting; a value out of bounds is an error that names section and key. */
int instance_setting_u64(const struct instance *inst, const char *section, const char *key,
			 unsigned long long min, unsigned long long max,
			 unsigned long long fallback, unsigned long long *out, struct error *err);

/* First id of range R (< INSTANCE_RANGES): (number + 1) * 2^28 + R * 2^16. */
uid_t instance_range_base(const struct instance *inst, unsigned range);
/* The /16 of this instance in host byte order: setting network.subnet, or 10.(200+number).0.0.
 * The first address (.0.1) is the gateway; containers have the others. */
int instance_subnet(const struct instance *inst, uint32_t *out, struct error *err);

#endif
