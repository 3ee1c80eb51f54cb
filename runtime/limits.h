/* SPDX-License-Identifier: MIT */
/*
 * The limits that are in force: a spec's own, or the defaults of its profile, which the section
 * [runtime] of berth.conf may set (app_memory, app_pids, app_disk, build_memory, build_pids,
 * build_disk, build_time_ms, log_rate, in bytes, counts and milliseconds).
 */
#ifndef RUNTIME_LIMITS_H
#define RUNTIME_LIMITS_H

#include "base/error.h"
#include "instance/instance.h"
#include "runtime/program.h"
#include "runtime/spec.h"

int limits_resolve(const struct instance *inst, const struct container_spec *spec,
		   struct spec_limits *out, struct error *err);
/* PROGRAM gets RLIMIT_NOFILE and RLIMIT_CORE, clamped to what the process may set. */
void limits_program(const struct spec_limits *limits, struct program *program);

#endif
