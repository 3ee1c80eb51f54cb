/* SPDX-License-Identifier: MIT */
/*
 * Control groups by path, in every hierarchy that is mounted (cgroups(7)): where OCI bundles run.
 * Version 2 where that is the machine's tree; otherwise the version 1 hierarchies, and version 2's
 * beside them if there is one.
 */
#ifndef RUNTIME_HIERARCHY_H
#define RUNTIME_HIERARCHY_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "runtime/cgroup.h"

/* Where those go whose config names no path. */
#define HIERARCHY_OWN "/berth-oci/"

struct hierarchy_write {
	char controller[16]; /* "" on version 2 */
	char file[64];
	char *value;
	bool optional; /* what this kernel does not have is left out */
};

bool hierarchy_is_v2(void);
/* Makes PATH ("/a/b") where it is missing, or opens it. */
int hierarchy_open(const char *path, bool make, struct cgroup *out, struct error *err);
int hierarchy_write(const struct cgroup *cg, const struct hierarchy_write *w, struct error *err);
/* The first number of a file, "max" being the largest; 0 where there is none. */
uint64_t hierarchy_number(const struct cgroup *cg, const char *controller, const char *file);
/* The folder of CONTROLLER in CG, or -1. */
int hierarchy_folder(const struct cgroup *cg, const char *controller);
/* Every process in it and below, one number a line. */
int hierarchy_pids(const struct cgroup *cg, struct strbuf *out, struct error *err);
/* Sends SIG to each of them. */
void hierarchy_signal(const struct cgroup *cg, int sig);
/* Kills what is in it and below, waits until that is gone, and removes it. */
int hierarchy_remove(const char *path, struct error *err);
int hierarchy_freeze(const struct cgroup *cg, bool freeze, struct error *err);
bool hierarchy_is_frozen(const struct cgroup *cg);
/* The same of PATH, which may not exist, opening no more than that takes. */
bool hierarchy_path_is_frozen(const char *path);

#endif
