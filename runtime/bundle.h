/* SPDX-License-Identifier: MIT */
/*
 * An OCI bundle (runtime-spec, config.md and config-linux.md): config.json and what it names, as
 * something that container.h starts. The bundle is its operator's own: it may name any path of the
 * host.
 *
 * Unknown properties are ignored, as the specification says; known ones that are malformed or that
 * this runtime cannot do are errors, before anything is made.
 */
#ifndef RUNTIME_BUNDLE_H
#define RUNTIME_BUNDLE_H

#include <jansson.h>

#include "base/strvec.h"
#include "runtime/container.h"
#include "runtime/devfilter.h"
#include "runtime/fields.h"
#include "runtime/hierarchy.h"
#include "runtime/hook.h"

#define BUNDLE_VERSION "1.0.2"
#define BUNDLE_NAMESPACES 8

struct bundle {
	json_t *json;           /* owns most strings */
	char *path, *rootfs;    /* absolute */
	struct strvec texts;    /* owns the others */
	struct strvec warnings; /* what of it cannot be as it says, and is no reason to stop */
	unsigned minor;         /* of its specification's version 1 */
	struct container_setup setup;
	struct root root;
	struct program program;
	struct idmap_table ids;
	struct container_join joins[BUNDLE_NAMESPACES];
	struct root_mount *mounts;
	struct root_device *devices;
	struct root_sysctl *sysctls;
	const char **masked, **protected;
	char **argv, **env;
	gid_t *groups;
	struct hook_list hooks[HOOK_KINDS];
	const char *cgroup_path; /* as it stands (see scope.h); NULL: the runtime's choice */
	struct hierarchy_write *writes;
	unsigned n_writes;
	struct devfilter_rule *rules;
	unsigned n_rules;
	struct sock_fprog filter;
	const char *listener; /* path of a socket for the filter's listener */
	const char *listener_metadata;
	bool terminal;
	bool mounts_cgroup; /* some mount shows the cgroups: bundle_cgroup_mounts */
};

void bundle_init(struct bundle *b);
void bundle_release(struct bundle *b);
#define _cleanup_bundle_ _cleanup_(bundle_release)

/* Reads PATH/config.json and opens what it names: namespaces, sources of mounts. */
int bundle_load(struct bundle *b, const char *path, struct error *err);
/* The "process" of a document, for the container's own and for exec. */
int bundle_process(struct bundle *b, json_t *process, struct error *err);
/* Mounts of type cgroup show CG: once that is made. */
int bundle_cgroup_mounts(struct bundle *b, const struct cgroup *cg, struct error *err);

/* Makes what LIMITS says that of CG. */
int bundle_limit(const struct bundle *limits, const struct cgroup *cg, struct error *err);

/* The words of a config that are known, one after the other, then NULL (features.md). */
const char *bundle_namespace(size_t i);
const char *bundle_mount_option(size_t i);
const char *bundle_seccomp_action(size_t i);
const char *bundle_seccomp_operator(size_t i);
const char *bundle_seccomp_flag(size_t i);

/* --- for its parts (bundle_*.c) --------------------------------------------------------------- */

void bundle_warn(struct bundle *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A string that lives as long as B. */
const char *bundle_text(struct bundle *b, char *text);
/* The flags of mount(2) for "rshared" and the like, 0 when it is none. */
unsigned long bundle_propagation(const char *name);
/* Of CONFIG's "ociVersion". */
void bundle_version(struct bundle *b, struct fields *f, json_t *config);
/* A namespace of the kind FLAG (CLONE_NEW...), new or joined: after bundle_namespaces. */
bool bundle_has_namespace(const struct bundle *b, int flag);
/* Opens those to join; with what is said of the new ones: ids, offsets of clocks. */
void bundle_namespaces(struct bundle *b, struct fields *f, json_t *linux_);
void bundle_ids(struct fields *f, json_t *parent, struct idmap_table *out);
void bundle_ids_release(struct idmap_table *table);
void bundle_mounts(struct bundle *b, struct fields *f, json_t *config);
void bundle_devices(struct bundle *b, struct fields *f, json_t *linux_);
void bundle_resources(struct bundle *b, struct fields *f, json_t *resources);
void bundle_schedule(struct bundle *b, struct fields *f, json_t *process);
void bundle_seccomp(struct bundle *b, struct fields *f, json_t *seccomp);

#endif
