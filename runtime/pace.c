/* SPDX-License-Identifier: MIT */
#include "runtime/pace.h"

#include "base/clock.h"

static void earn(struct pace *p)
{
	int64_t now = clock_ms(), ms = now - p->at_ms;
	uint64_t most = p->rate * PACE_BURST_S;

	if (ms > PACE_BURST_S * 1000)
		ms = PACE_BURST_S * 1000;
	p->credit += p->rate * (uint64_t)ms / 1000;
	if (p->credit > most)
		p->credit = most;
	p->at_ms = now;
}

void pace_init(struct pace *p, uint64_t rate)
{
	*p = (struct pace){.rate = rate, .credit = rate * PACE_BURST_S, .at_ms = clock_ms()};
}

bool pace_spend(struct pace *p, size_t n)
{
	p->credit = n < p->credit ? p->credit - n : 0;
	if (p->credit)
		return false;
	earn(p);
	if (p->credit)
		return false;
	p->next_ms = p->at_ms + PACE_PAUSE_MS;
	return true;
}

bool pace_allows(struct pace *p)
{
	if (p->next_ms && clock_ms() < p->next_ms)
		return false;
	if (p->next_ms)
		earn(p);
	p->next_ms = 0;
	return true;
}
