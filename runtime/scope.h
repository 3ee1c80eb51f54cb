/* SPDX-License-Identifier: MIT */
/*
 * A container's transient unit of systemd's (systemd.scope(5)), in whose control group it is: where
 * an engine leaves cgroups to systemd (berth-oci --systemd-cgroup). systemd is told of limits, so
 * that it keeps them, and does not look below the unit, which is delegated.
 *
 * Cgroup version 2 only: on version 1 systemd allows every device again when it is reloaded.
 */
#ifndef RUNTIME_SCOPE_H
#define RUNTIME_SCOPE_H

#include <jansson.h>
#include <sys/types.h>

#include "base/error.h"
#include "runtime/hierarchy.h"

struct scope {
	char *unit;   /* "libpod-web.scope", or a slice */
	char *slice;  /* that it is in: "machine.slice" */
	pid_t holder; /* stands in it until the container does; 0: none */
};

#define SCOPE_INIT                                                                                 \
	{                                                                                          \
		NULL, NULL, 0                                                                      \
	}

/* PATH is "SLICE:PREFIX:NAME", a config's "cgroupsPath" for systemd, as runc and crun have it: NAME
 * itself when that is a slice, otherwise PREFIX-NAME.scope, in SLICE, which is system.slice when it
 * is empty. NULL: berth-oci-ID.scope. */
int scope_parse(const char *path, const char *id, struct scope *out, struct error *err);
void scope_release(struct scope *s);

/* ERROR_UNSUPPORTED where systemd does not run, or has not got the whole cgroup tree. */
int scope_check(struct error *err);
/* Starts the unit, with the limits of WRITES and what ANNOTATIONS say; *out_path is its control
 * group's. It lives as long as something is in it: scope_settle once the container is. */
int scope_start(struct scope *s, const char *id, const struct hierarchy_write *writes, unsigned n,
		json_t *annotations, char **out_path, struct error *err);
void scope_settle(struct scope *s);
/* Tells systemd of other limits. */
int scope_limit(const char *unit, const struct hierarchy_write *writes, unsigned n,
		struct error *err);
/* After everything in it has ended. */
int scope_stop(const char *unit, struct error *err);

#endif
