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

/* Everything of the instance that belongs to no container in ALIVE (their ids: those being started
 * included, so that nothing is taken from under them) is removed, or with DRY only named; the
 * folder of one in KNOWN stays too. One line per finding goes to OUT: "interface b0-0102", "cgroup
 * web.1", ... Goes on after a failure and reports the first one. */
int cleanup_run(const struct instance *inst, const struct strvec *alive, const struct strvec *known,
		bool dry, struct strvec *out, struct error *err);

#endif
