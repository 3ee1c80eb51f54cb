/* SPDX-License-Identifier: MIT */
#include "runtime/limits.h"

#include <sys/resource.h>

#include "base/cleanup.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

/* Sets *field, when it is 0, to setting runtime.KEY. */
static int settle(const struct instance *inst, const char *key, unsigned long long least,
		  unsigned long long most, unsigned long long fallback, uint64_t *field,
		  struct error *err)
{
	unsigned long long v;

	if (*field)
		return 0;
	if (instance_setting_u64(inst, "runtime", key, least, most, fallback, &v, err) < 0)
		return -1;
	*field = v;
	return 0;
}

int limits_resolve(const struct instance *inst, const struct container_spec *spec,
		   struct spec_limits *out, struct error *err)
{
	bool app = spec->profile == SPEC_APP || spec->profile == SPEC_IMAGE;
	struct spec_limits l = spec->limits;
	uint64_t pids = l.pids, time_ms = l.time_ms;

	if (settle(inst, app ? "app_memory" : "build_memory", MIB, 1ull << 50,
		   app ? 512 * MIB : 2 * GIB, &l.memory, err) < 0 ||
	    settle(inst, app ? "app_pids" : "build_pids", 8, 1u << 22, app ? 512 : 2048, &pids,
		   err) < 0 ||
	    settle(inst, app ? "app_disk" : "build_disk", MIB, 1ull << 50, app ? GIB : 4 * GIB,
		   &l.disk, err) < 0)
		return -1;
	if (spec->profile == SPEC_BUILD &&
	    settle(inst, "build_time_ms", 1000, 86400000, 1800000, &time_ms, err) < 0)
		return -1;
	l.pids = (uint32_t)pids;
	l.time_ms = (uint32_t)time_ms;
	if (settle(inst, "log_rate", 4096, 1ull << 40, 2 * MIB, &l.log_rate, err) < 0)
		return -1;
	if (!l.memory_swap)
		l.memory_swap = l.memory;
	if (!l.cpu_weight)
		l.cpu_weight = 100;
	if (!l.nofile)
		l.nofile = 65536;
	*out = l;
	return 0;
}

void limits_program(const struct spec_limits *limits, struct program *program)
{
	program->rlimits[0] =
		(struct program_rlimit){RLIMIT_NOFILE, {limits->nofile, limits->nofile}, true};
	/* 1 and not 0: the kernel starts no handler of core_pattern either, which would run as the
	 * host's root for whatever crashes in here (core(5)) */
	program->rlimits[1] = (struct program_rlimit){RLIMIT_CORE, {1, 1}, true};
	program->n_rlimits = 2;
}
