// SPDX-License-Identifier: MIT
#include "base/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/strbuf.h"

/* Unix seconds of "2026-11-27 10:00" in UTC. */
static int64_t at(const char *text)
{
	struct tm tm = {0};
	int year, month;

	assert_int_equal(
		sscanf(text, "%d-%d-%d %d:%d", &year, &month, &tm.tm_mday, &tm.tm_hour, &tm.tm_min),
		5);
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	return timegm(&tm);
}

static struct schedule parsed(const char *text)
{
	struct schedule s;
	struct error err = ERROR_INIT;

	if (schedule_parse(text, &s, &err) < 0)
		fail_msg("%s: %s", text, err.message);
	return s;
}

static void next_in(const char *zone, const char *text, const char *after, const char *want)
{
	struct schedule s = parsed(text);
	int64_t got = schedule_next(&s, zone, at(after));

	if (got != at(want))
		fail_msg("%s after %s: %lld, not %lld (%s)", text, after, (long long)got,
			 (long long)at(want), want);
}

static void next(const char *text, const char *after, const char *want)
{
	next_in(NULL, text, after, want);
}

static void refuses(const char *text, const char *why)
{
	struct schedule s = {.minutes = 7};
	struct error err = ERROR_INIT;

	if (schedule_parse(text, &s, &err) == 0)
		fail_msg("'%s' was taken", text);
	assert_int_equal(s.minutes, 7);
	if (!strstr(err.message, why))
		fail_msg("'%s': '%s' does not say '%s'", text, err.message, why);
}

static void test_fields(void **state)
{
	(void)state;
	/* 27 November 2026 is a Friday */
	next("* * * * *", "2026-11-27 10:00", "2026-11-27 10:01");
	next("0 * * * *", "2026-11-27 10:00", "2026-11-27 11:00");
	next("*/15 * * * *", "2026-11-27 10:01", "2026-11-27 10:15");
	next("7/20 * * * *", "2026-11-27 10:08", "2026-11-27 10:27");
	next("10-20/5,50 * * * *", "2026-11-27 10:20", "2026-11-27 10:50");
	next("30 3 * * *", "2026-11-27 10:00", "2026-11-28 03:30");
	next("0 0 1 * *", "2026-11-27 10:00", "2026-12-01 00:00");
	next("59 23 31 12 *", "2026-12-31 23:59", "2027-12-31 23:59");
	next("0 12 * JAN,jul *", "2026-11-27 10:00", "2027-01-01 12:00");
	next("0 12 * 6-8/2 *", "2026-11-27 10:00", "2027-06-01 12:00");
	next("0 9 * * mon-fri", "2026-11-27 10:00", "2026-11-30 09:00");
	next("0 9 * * 0", "2026-11-27 10:00", "2026-11-29 09:00");
	next("0 9 * * 7", "2026-11-27 10:00", "2026-11-29 09:00");
	next("0 9 * * 5-7", "2026-11-28 09:00", "2026-11-29 09:00");
	/* both, as the weekday begins with a star: the longest waits */
	next("0 21 31 1/5 */8", "2027-02-01 10:00", "2038-01-31 21:00");
	next("0 0 29 2 */7", "2088-03-01 10:00", "2128-02-29 00:00");
	next("0 0 29 2 *", "2026-11-27 10:00", "2028-02-29 00:00");
	next("  0\t0  * * *  ", "2026-11-27 10:00", "2026-11-28 00:00");
	/* both days restricted: either; one of them a star: both */
	next("0 0 13 * fri", "2026-11-27 10:00", "2026-12-04 00:00");
	next("0 0 */2 * fri", "2026-11-27 10:00", "2026-12-11 00:00");
	next("0 0 30 2 fri", "2026-11-27 10:00", "2027-02-05 00:00");
	next("0 0 13 * *", "2026-11-27 10:00", "2026-12-13 00:00");
}

static void test_words(void **state)
{
	(void)state;
	next("@hourly", "2026-11-27 10:00", "2026-11-27 11:00");
	next("@daily", "2026-11-27 10:00", "2026-11-28 00:00");
	next("@midnight", "2026-11-27 10:00", "2026-11-28 00:00");
	next("@weekly", "2026-11-27 10:00", "2026-11-29 00:00");
	next("@monthly", "2026-11-27 10:00", "2026-12-01 00:00");
	next("@yearly", "2026-11-27 10:00", "2027-01-01 00:00");
	next("@annually", "2026-11-27 10:00", "2027-01-01 00:00");
}

static void test_zones(void **state)
{
	(void)state;
	next_in("Europe/Berlin", "30 3 * * *", "2026-11-27 10:00", "2026-11-28 02:30");
	next_in("Asia/Kolkata", "0 0 * * *", "2026-11-27 10:00", "2026-11-27 18:30");
	/* the schedule's own counts more */
	next_in("Asia/Kolkata", "CRON_TZ=America/New_York 0 0 * * *", "2026-11-27 10:00",
		"2026-11-28 05:00");
	next("TZ=Europe/Berlin @daily", "2026-06-01 10:00", "2026-06-01 22:00");
	/* clocks put forward: the night without 02:30 has none; back: both count */
	next_in("Europe/Berlin", "30 2 * * *", "2026-03-28 01:30", "2026-03-30 00:30");
	next_in("Europe/Berlin", "30 2 * * *", "2026-10-24 23:00", "2026-10-25 00:30");
	next_in("Europe/Berlin", "30 2 * * *", "2026-10-25 00:30", "2026-10-25 01:30");
	next_in("Europe/Berlin", "30 2 * * *", "2026-10-25 01:30", "2026-10-26 01:30");
	/* a day that begins at one */
	next_in("America/Santiago", "0 12 6 9 *", "2026-08-01 00:00", "2026-09-06 15:00");
	/* the process's own zone is as before */
	setenv("TZ", "Asia/Tokyo", 1);
	next_in("Europe/Berlin", "30 3 * * *", "2026-11-27 10:00", "2026-11-28 02:30");
	assert_string_equal(getenv("TZ"), "Asia/Tokyo");
	unsetenv("TZ");
	refuses("CRON_TZ=/etc/passwd 0 0 * * *", "not a time zone");
	refuses("CRON_TZ=Europe/../../../etc/passwd 0 0 * * *", "not a time zone");
	refuses("CRON_TZ=Europe 0 0 * * *", "not a time zone");
	refuses("CRON_TZ=Middle/Earth 0 0 * * *", "not a time zone");
	refuses("CRON_TZ= 0 0 * * *", "not a time zone");
}

static void test_refused(void **state)
{
	char long_text[SCHEDULE_TEXT_MAX + 20];

	(void)state;
	refuses("", "five fields");
	refuses("* * * *", "five fields");
	refuses("* * * * * *", "has 6");
	refuses("60 * * * *", "the minute '60'");
	refuses("* 24 * * *", "the hour '24'");
	refuses("* * 0 * *", "the day of the month '0'");
	refuses("* * 32 * *", "the day of the month '32'");
	refuses("* * * 13 *", "the month '13'");
	refuses("* * * janu *", "the month 'janu'");
	refuses("* * * * 8", "the day of the week '8'");
	refuses("* * * * monday", "the day of the week 'monday'");
	refuses("mon * * * *", "the minute 'mon'");
	refuses("5-1 * * * *", "the minute '5-1'");
	refuses("*/0 * * * *", "the minute '*/0'");
	refuses("*/ * * * *", "the minute '*/'");
	refuses("1, * * * *", "the minute '1,'");
	refuses(",1 * * * *", "the minute ',1'");
	refuses("1-2-3 * * * *", "the minute '1-2-3'");
	refuses("-1 * * * *", "the minute '-1'");
	refuses("** * * * *", "the minute '**'");
	refuses("0 0 30 2 *", "never comes");
	refuses("0 0 31 4,6,9,11 *", "never comes");
	refuses("@reboot", "@daily");
	refuses("@daily 0", "five fields");
	refuses("* * * * *\n* * * * *", "one line");
	memset(long_text, '*', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	refuses(long_text, "at most");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_zones),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
