/* SPDX-License-Identifier: MIT */
#include "base/schedule.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "base/strvec.h"

#define ZONES "/usr/share/zoneinfo"
#define YEARS_MAX 41 /* 29 February on a certain weekday, with 2100 in between */

struct field {
	const char *name;
	unsigned min, max;
	const char *const *names; /* of MIN and those after it, or NULL */
};

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
					  "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };
static const struct field fields[FIELDS] = {
	{"minute", 0, 59, NULL},
	{"hour", 0, 23, NULL},
	{"day of the month", 1, 31, NULL},
	{"month", 1, 12, month_names},
	{"day of the week", 0, 7, day_names},
};

static const struct {
	const char *name, *text;
} nicknames[] = {
	{"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
	{"@weekly", "0 0 * * 0"},   {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
	{"@annually", "0 0 1 1 *"},
};

/* One number or name at *P, which moves past it. */
static bool take_value(const struct field *f, const char **p, unsigned *out)
{
	unsigned value = 0;
	const char *s = *p;
	for (unsigned i = 0; f->names && f->names[i]; i++) {
		if (strncasecmp(s, f->names[i], 3) != 0 || isalnum((unsigned char)s[3]))
			continue;
		*p = s + 3;
		*out = f->min + i;
		return true;
	}
	for (; *s >= '0' && *s <= '9' && s - *p < 3; s++)
		value = value * 10 + (unsigned)(*s - '0');
	if (s == *p || value < f->min || value > f->max)
		return false;
	*p = s;
	*out = value;
	return true;
}

/* "*", "N", "N-N", each with "/STEP", at *P. */
static bool take_item(const struct field *f, const char **p, uint64_t *bits)
{
	unsigned from = f->min, to = f->max, step = 1;
	bool open = **p == '*', single = false;
	if (open) {
		(*p)++;
	} else {
		if (!take_value(f, p, &from))
			return false;
		single = **p != '-';
		if (!single) {
			(*p)++;
			if (!take_value(f, p, &to) || to < from)
				return false;
		}
	}
	if (**p == '/') {
		static const struct field steps = {"step", 1, 99, NULL};
		(*p)++;
		if (!take_value(&steps, p, &step))
			return false;
	} else if (single) {
		to = from; /* "5/10" goes on to the end, "5" does not */
	}
	for (unsigned v = from; v <= to; v += step)
		*bits |= 1ull << v;
	return true;
}

static int parse_field(const struct field *f, const char *text, uint64_t *bits, struct error *err)
{
	const char *p = text;
	*bits = 0;
	for (;; p++) {
		if (!take_item(f, &p, bits) || (*p && *p != ','))
			return error_set(err, ERROR_INVALID, 0,
					 "the %s '%.40s' is not '*', a number from %u to %u%s, a "
					 "range such as %u-%u, one of these with '/STEP', or a "
					 "list of them with commas",
					 f->name, text, f->min, f->max,
					 f->names ? " or a name of three letters" : "", f->min,
					 f->max);
		if (!*p)
			return 0;
	}
}

int schedule_check_zone(const char *zone, struct error *err)
{
	size_t len = strlen(zone);
	struct stat st;
	bool good = len > 0 && len <= SCHEDULE_ZONE_MAX && isalpha((unsigned char)zone[0]) &&
		    !strstr(zone, "..") &&
		    strspn(zone, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				 "/_+-") == len;
	if (good && strcmp(zone, "UTC") == 0)
		return 0;
	_cleanup_free_ char *path = good ? xasprintf(ZONES "/%s", zone) : NULL;
	if (good && stat(path, &st) == 0 && S_ISREG(st.st_mode))
		return 0;
	return error_set(err, ERROR_INVALID, 0,
			 "'%.80s' is not a time zone, such as Europe/Berlin (they are in " ZONES
			 ", Debian's package tzdata)",
			 zone);
}

static int take_zone(struct strvec *words, struct schedule *out, struct error *err)
{
	const char *zone = str_skip(words->v[0], "CRON_TZ=");
	if (!zone)
		zone = str_skip(words->v[0], "TZ=");
	if (!zone)
		return 0;
	if (schedule_check_zone(zone, err) < 0)
		return -1;
	snprintf(out->zone, sizeof(out->zone), "%s", zone);
	strvec_remove(words, 0);
	return 0;
}

static void split(const char *text, struct strvec *out)
{
	for (;;) {
		text += strspn(text, " \t");
		size_t len = strcspn(text, " \t");
		if (!len)
			return;
		strvec_push_take(out, xstrndup(text, len));
		text += len;
	}
}

/* Some month that matches has such a day. */
static bool ever(const struct schedule *s)
{
	static const unsigned lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	if (s->any_day || !s->any_weekday)
		return true;
	for (unsigned m = 1; m <= 12; m++)
		if (s->months & 1u << m)
			for (unsigned d = 1; d <= lengths[m - 1]; d++)
				if (s->days & 1u << d)
					return true;
	return false;
}

int schedule_parse(const char *text, struct schedule *out, struct error *err)
{
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	struct schedule s = {0};
	uint64_t bits[FIELDS];
	if (strlen(text) > SCHEDULE_TEXT_MAX || strpbrk(text, "\r\n"))
		return error_set(err, ERROR_INVALID, 0,
				 "a schedule is one line of at most %d bytes", SCHEDULE_TEXT_MAX);
	split(text, &words);
	if (words.n && take_zone(&words, &s, err) < 0)
		return -1;
	if (words.n == 1 && words.v[0][0] == '@') {
		const char *fields_of = NULL;
		for (size_t i = 0; i < ARRAY_SIZE(nicknames); i++)
			if (strcmp(words.v[0], nicknames[i].name) == 0)
				fields_of = nicknames[i].text;
		if (!fields_of)
			return error_set(err, ERROR_INVALID, 0,
					 "'%.40s' is none of @hourly, @daily, @midnight, @weekly, "
					 "@monthly, @yearly, @annually",
					 words.v[0]);
		strvec_release(&words);
		split(fields_of, &words);
	}
	if (words.n != FIELDS)
		return error_set(err, ERROR_INVALID, 0,
				 "a schedule has five fields, minute, hour, day, month and day of "
				 "the week, or is a word such as @daily; '%.80s' has %zu",
				 text, words.n);
	for (int i = 0; i < FIELDS; i++)
		if (parse_field(&fields[i], words.v[i], &bits[i], err) < 0)
			return -1;
	s.minutes = bits[MINUTE];
	s.hours = (uint32_t)bits[HOUR];
	s.days = (uint32_t)bits[DAY];
	s.months = (uint16_t)bits[MONTH];
	s.weekdays = (uint8_t)((bits[WEEKDAY] | bits[WEEKDAY] >> 7) & 0x7f);
	s.any_day = words.v[DAY][0] == '*';
	s.any_weekday = words.v[WEEKDAY][0] == '*';
	if (!ever(&s))
		return error_set(err, ERROR_INVALID, 0, "'%.80s' names a day that never comes",
				 text);
	*out = s;
	return 0;
}

static bool day_matches(const struct schedule *s, const struct tm *tm)
{
	bool day = s->days & 1u << tm->tm_mday, weekday = s->weekdays & 1u << tm->tm_wday;
	if (!(s->months & 1u << (tm->tm_mon + 1)))
		return false;
	return s->any_day || s->any_weekday ? day && weekday : day || weekday;
}

/* The beginning of the day after TM's, or of the next month when TM's does not match. */
static time_t skip(const struct schedule *s, const struct tm *tm)
{
	struct tm next = {.tm_year = tm->tm_year,
			  .tm_mon = tm->tm_mon,
			  .tm_mday = tm->tm_mday + 1,
			  .tm_isdst = -1};
	if (!(s->months & 1u << (tm->tm_mon + 1))) {
		next.tm_mon++;
		next.tm_mday = 1;
	}
	return mktime(&next);
}

static int64_t search(const struct schedule *s, int64_t after)
{
	time_t t = (after / 60 + 1) * 60, end = t + (time_t)YEARS_MAX * 366 * 86400;
	while (t < end) {
		struct tm tm;
		if (!localtime_r(&t, &tm))
			return 0;
		if (!day_matches(s, &tm)) {
			time_t next = skip(s, &tm);
			/* a day without midnight */
			t = next > t ? next - next % 60 : t + 3600;
			continue;
		}
		if (s->hours & 1u << tm.tm_hour && s->minutes & 1ull << tm.tm_min)
			return t;
		t += 60;
	}
	return 0;
}

int64_t schedule_next(const struct schedule *s, const char *zone, int64_t after)
{
	const char *now = getenv("TZ");
	_cleanup_free_ char *before = now ? xstrdup(now) : NULL;
	if (after < 0)
		after = 0;
	setenv("TZ", *s->zone ? s->zone : zone ? zone : "UTC", 1);
	tzset();
	int64_t found = search(s, after);
	if (before)
		setenv("TZ", before, 1);
	else
		unsetenv("TZ");
	tzset();
	return found;
}
