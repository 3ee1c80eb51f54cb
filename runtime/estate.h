/* SPDX-License-Identifier: MIT */
/*
 * What instances that are gone left on the machine: one whose root was removed while it was there,
 * without 'server down'. Their tables, interfaces and groups are nobody's, and their numbers could
 * not be given to another. Any other instance's berth-runtime takes them away.
 */
#ifndef RUNTIME_ESTATE_H
#define RUNTIME_ESTATE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"

/* Removes them, or with DRY only names them: "table berth-7 of an instance that is gone", ... Only
 * of numbers that are noted for a root which no longer has them (instance/number.h), and of none
 * where a process still runs in a group: that is in use. After cgroup_init. */
int estate_cleanup(const struct instance *inst, bool dry, struct strvec *out, struct error *err);

#endif
