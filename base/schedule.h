/* SPDX-License-Identifier: MIT */
/*
 * When something is due: the five fields of crontab(5), "MINUTE HOUR DAY MONTH WEEKDAY", each a
 * "*", a number, a range, with "/STEP", or a list of these; months and days of the week also by the
 * first three letters of their names, 0 and 7 both being Sunday; or @hourly, @daily, @midnight,
 * @weekly, @monthly, @yearly, @annually. When both days are restricted either may match. In front
 * may stand "CRON_TZ=ZONE" or "TZ=ZONE" and a blank. A time that comes twice when clocks are put
 * back is due twice, one that is left out when they are put forward is not.
 */
#ifndef BASE_SCHEDULE_H
#define BASE_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define SCHEDULE_TEXT_MAX 256
#define SCHEDULE_ZONE_MAX 64

/* A bit for each value that matches. */
struct schedule {
	uint64_t minutes;
	uint32_t hours, days;
	uint16_t months;
	uint8_t weekdays;                 /* 0: Sunday */
	bool any_day, any_weekday;        /* the field begins with "*" */
	char zone[SCHEDULE_ZONE_MAX + 1]; /* "": not said */
};

/* The error says which field is wrong and what it takes. A date that never comes, as 30 February,
 * is one. */
int schedule_parse(const char *text, struct schedule *out, struct error *err);
/* The first minute after AFTER (both unix seconds) that matches, in the schedule's own zone, else
 * in ZONE, else (NULL) in UTC; 0 when none comes within ten years. Uses the variable TZ: not for
 * processes with threads. */
int64_t schedule_next(const struct schedule *s, const char *zone, int64_t after);

/* ZONE is in the machine's table of time zones: "Europe/Berlin", "UTC". */
int schedule_check_zone(const char *zone, struct error *err);

#endif
