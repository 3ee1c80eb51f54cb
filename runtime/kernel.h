/* SPDX-License-Identifier: MIT */
/* What the kernel must have for containers: looked at before anything is made on the machine, so
 * that a machine that cannot run Berth is told so, and nothing half-started stays there. */
#ifndef RUNTIME_KERNEL_H
#define RUNTIME_KERNEL_H

#include "base/error.h"

/* ERROR_UNSUPPORTED names the first feature that is missing, and the version or the setting of the
 * kernel that brings it. Needs root. */
int kernel_check(struct error *err);

#endif
