/* SPDX-License-Identifier: MIT */
/* Time: monotonic for measuring and waiting, RFC 3339 in UTC for people and logs. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds and microseconds since an arbitrary point that never jumps (CLOCK_MONOTONIC). */
int64_t clock_ms(void);
int64_t clock_us(void);
/* Microseconds since 1970 (CLOCK_REALTIME). */
int64_t clock_unix_us(void);

#define CLOCK_TEXT_MAX 36
/* "2026-11-23T16:00:00.123456Z" into OUT (CLOCK_TEXT_MAX bytes); FRACTION digits 0, 3 or 6. */
void clock_text(int64_t unix_us, int fraction, char *out);

void clock_sleep_ms(int64_t ms);

#endif
