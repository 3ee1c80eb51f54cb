/* SPDX-License-Identifier: MIT */
#include "runtime/restart.h"

void restart_init(struct restart *r, const struct container_spec *spec)
{
	r->policy = spec->restart;
	r->max = spec->restart_max ? spec->restart_max : RESTART_DEFAULT_MAX;
	r->in_row = 0;
}

int64_t restart_after(struct restart *r, bool failed, int64_t lived_ms)
{
	int64_t delay = RESTART_FIRST_MS;

	if (lived_ms >= RESTART_FORGET_MS)
		r->in_row = 0;
	if (r->policy == SPEC_RESTART_NO)
		return -1;
	if (r->policy == SPEC_RESTART_ON_FAILURE && (!failed || r->in_row >= r->max))
		return -1;
	r->in_row++;
	if (r->in_row == 1)
		return 0;
	for (uint32_t i = 2; i < r->in_row && delay < RESTART_MOST_MS; i++)
		delay *= 2;
	return delay < RESTART_MOST_MS ? delay : RESTART_MOST_MS;
}
