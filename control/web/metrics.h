/* SPDX-License-Identifier: MIT */
/*
 * Prometheus text (exposition format 0.0.4) from what berthd's `metrics --format json` prints:
 *
 *   {"version": "0.1.0", "uptime": SECONDS,
 *    "control": [{"name": "berthd", "memory": BYTES}, ...],
 *    "apps": [{"name": "hello", "release": 7,
 *              "processes": [{"type": "web", "n": 1, "state": "running", "restarts": 0,
 *                             "memory": BYTES, "cpu_us": N}, ...],
 *              "router": the app's object from router_stats (router/router.h)}, ...]}
 *
 * What is missing is left out; what has the wrong type is skipped.
 */
#ifndef CONTROL_WEB_METRICS_H
#define CONTROL_WEB_METRICS_H

#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

int metrics_render(const char *json, size_t len, struct strbuf *out, struct error *err);

#endif
