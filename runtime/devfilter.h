/* SPDX-License-Identifier: MIT */
/*
 * Which devices a cgroup may use: rules in order, the last that fits decides; written to the
 * devices controller of version 1, compiled to a program of the cgroup on version 2 (bpf(2),
 * BPF_PROG_TYPE_CGROUP_DEVICE).
 */
#ifndef RUNTIME_DEVFILTER_H
#define RUNTIME_DEVFILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "runtime/cgroup.h"

struct devfilter_rule {
	bool allow;
	char type;            /* 'a', 'c' or 'b' */
	int64_t major, minor; /* -1: any */
	char access[4];       /* of "rwm" */
};

int devfilter_apply(const struct cgroup *cg, const struct devfilter_rule *rules, unsigned n,
		    struct error *err);

#endif
