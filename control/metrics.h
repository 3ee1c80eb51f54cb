/* SPDX-License-Identifier: MIT */
/*
 * Everything that /metrics tells, as one JSON document:
 * {"version", "apps": [{"name", "release": N, "processes": [{"type", "n", "state", "restarts",
 * "memory", "cpu_us", "pids"}], "router": {as router_stats has it, or null}}]}
 */
#ifndef CONTROL_METRICS_H
#define CONTROL_METRICS_H

#include <jansson.h>

#include "control/context.h"

int metrics_collect(struct context *c, json_t **out, struct error *err);

#endif
