/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>

static int64_t now_us(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_ms(void)
{
	return now_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_us(void)
{
	return now_us(CLOCK_MONOTONIC);
}

int64_t clock_unix_us(void)
{
	return now_us(CLOCK_REALTIME);
}

void clock_text(int64_t unix_us, int fraction, char *out)
{
	time_t seconds = (time_t)(unix_us / 1000000);
	int us = (int)(unix_us % 1000000);
	if (us < 0) {
		us += 1000000;
		seconds--;
	}
	struct tm tm;
	gmtime_r(&seconds, &tm);
	size_t n = strftime(out, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	if (fraction == 6)
		snprintf(out + n, CLOCK_TEXT_MAX - n, ".%06dZ", us);
	else if (fraction == 3)
		snprintf(out + n, CLOCK_TEXT_MAX - n, ".%03dZ", us / 1000);
	else
		snprintf(out + n, CLOCK_TEXT_MAX - n, "Z");
}

void clock_sleep_ms(int64_t ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}
