/* SPDX-License-Identifier: MIT */
/*
 * What dead containers of this instance left behind: processes and cgroups, mounts and folders in
 * run/containers, interfaces, addresses, uncommitted layers. Only berth-runtime calls it: when it
 * starts, and when asked to.
 */
#ifndef RUNTIME_CLEANUP_H
#define RUNTIME_CLEANUP_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"
#include "runtime/roster.h"

/* What the container ID may keep at this moment. It is asked anew before each removal, since some
 * begin while others' remains are waited for. */
typedef enum roster_claim cleanup_claim(const struct instance *inst, const char *id);

/* Everything of the instance to which no container has a CLAIM is removed, or with DRY only named.
 * One line per finding goes to OUT: "interface b0-0102", "cgroup web.1", ... Goes on after a
 * failure and reports the first one. */
int cleanup_run(const struct instance *inst, cleanup_claim *claim, bool dry, struct strvec *out,
		struct error *err);

#endif
