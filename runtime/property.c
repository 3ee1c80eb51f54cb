/* SPDX-License-Identifier: MIT */
#include "runtime/property.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

#define ANNOTATION "org.systemd.property."
#define UNITS_MAX 8192 /* processors, or memory nodes */
#define SECOND_US 1000000

void properties_release(struct properties *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].name);
		free(p->v[i].bytes);
		strvec_release(&p->v[i].texts);
	}
	free(p->v);
	*p = (struct properties)PROPERTIES_INIT;
}

static struct property *add(struct properties *p, const char *name, const char *type)
{
	struct property *one;

	p->v = xreallocarray(p->v, p->n + 1, sizeof(*p->v));
	one = &p->v[p->n++];
	memset(one, 0, sizeof(*one));
	one->name = xstrdup(name);
	snprintf(one->type, sizeof(one->type), "%s", type);
	strvec_init(&one->texts);
	return one;
}

void properties_number(struct properties *p, const char *name, const char *type, int64_t n)
{
	add(p, name, type)->number = n;
}

void properties_text(struct properties *p, const char *name, const char *text)
{
	strvec_push(&add(p, name, "s")->texts, text);
}

void properties_pid(struct properties *p, const char *name, pid_t pid)
{
	struct property *one = add(p, name, "au");
	uint32_t n = (uint32_t)pid;

	one->bytes = xmalloc(sizeof(n));
	one->size = sizeof(n);
	memcpy(one->bytes, &n, sizeof(n));
}

/* --- limits --------------------------------------------------------------------------------- */

/* "max" is the largest. */
static bool parse_limit(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	unsigned long long n = 0;

	if (!strcmp(text, "max")) {
		*out = UINT64_MAX;
		return true;
	}
	if (str_to_u64(text, min, max, &n) < 0)
		return false;
	*out = n;
	return true;
}

/* "QUOTA PERIOD" or "QUOTA"; systemd wants how much of each second. It rounds that down to whole
 * hundredths, so it is rounded up here, or it would be less than what was asked for. */
static void add_quota(struct properties *p, const char *text)
{
	const char *space = strchr(text, ' ');
	_cleanup_free_ char *first = xstrndup(text, strcspn(text, " "));
	unsigned long long period = 100000;
	uint64_t quota, per_second = UINT64_MAX;

	if ((space && str_to_u64(space + 1, 1000, SECOND_US, &period) < 0) ||
	    !parse_limit(first, 1000, UINT64_MAX / SECOND_US, &quota))
		return;
	if (quota != UINT64_MAX)
		per_second = (quota * SECOND_US / period + 9999) / 10000 * 10000;
	properties_number(p, "CPUQuotaPerSecUSec", "t", (int64_t)per_second);
	properties_number(p, "CPUQuotaPeriodUSec", "t", (int64_t)period);
}

/* "0-3,5" as bits, the lowest first. */
static void add_list(struct properties *p, const char *name, const char *text)
{
	_cleanup_free_ char *copy = xstrdup(text), *bits = xcalloc(UNITS_MAX / 8, 1);
	char *rest = copy;
	size_t size = 0;

	for (char *part = strsep(&rest, ","); part; part = strsep(&rest, ",")) {
		char *dash = strchr(part, '-');
		unsigned long long first, last;

		part[strcspn(part, "\n")] = '\0';
		if (dash)
			*dash = '\0';
		if (str_to_u64(part, 0, UNITS_MAX - 1, &first) < 0)
			return;
		last = first;
		if (dash && str_to_u64(dash + 1, first, UNITS_MAX - 1, &last) < 0)
			return;
		for (unsigned long long i = first; i <= last; i++)
			bits[i / 8] = (char)(bits[i / 8] | 1 << (i % 8));
		if (last / 8 + 1 > size)
			size = (size_t)(last / 8 + 1);
	}
	struct property *one = add(p, name, "ay");
	one->size = size;
	one->bytes = TAKE_PTR(bits);
}

static void add_io_weight(struct properties *p, const char *text)
{
	const char *number = str_skip(text, "default ");
	uint64_t n;

	if (parse_limit(number ? number : text, 1, 10000, &n) && n != UINT64_MAX)
		properties_number(p, "IOWeight", "t", (int64_t)n);
}

void properties_limits(struct properties *p, const struct hierarchy_write *writes, unsigned n)
{
	static const struct {
		const char *file, *name;
		uint64_t min, max;
	} numbers[] = {
		{"memory.max", "MemoryMax", 1, INT64_MAX},
		{"memory.high", "MemoryHigh", 1, INT64_MAX},
		{"memory.low", "MemoryLow", 0, INT64_MAX},
		{"memory.min", "MemoryMin", 0, INT64_MAX},
		{"memory.swap.max", "MemorySwapMax", 0, INT64_MAX},
		{"pids.max", "TasksMax", 1, INT64_MAX},
		{"cpu.weight", "CPUWeight", 1, 10000},
	};

	for (unsigned w = 0; w < n; w++) {
		const char *file = writes[w].file, *value = writes[w].value;
		uint64_t number;

		for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
			if (!strcmp(file, numbers[i].file) &&
			    parse_limit(value, numbers[i].min, numbers[i].max, &number))
				properties_number(p, numbers[i].name, "t", (int64_t)number);
		}
		if (!strcmp(file, "cpu.max"))
			add_quota(p, value);
		else if (!strcmp(file, "cpuset.cpus"))
			add_list(p, "AllowedCPUs", value);
		else if (!strcmp(file, "cpuset.mems"))
			add_list(p, "AllowedMemoryNodes", value);
		else if (!strcmp(file, "io.weight"))
			add_io_weight(p, value);
	}
}

/* --- annotations ---------------------------------------------------------------------------- */

static const struct {
	const char *word, *type;
	int64_t min, max;
} types[] = {
	{"byte ", "y", 0, UINT8_MAX},           {"int16 ", "n", INT16_MIN, INT16_MAX},
	{"uint16 ", "q", 0, UINT16_MAX},        {"int32 ", "i", INT32_MIN, INT32_MAX},
	{"uint32 ", "u", 0, UINT32_MAX},        {"int64 ", "x", INT64_MIN, INT64_MAX},
	{"uint64 ", "t", 0, -1 /* all bits */},
};

static bool parse_number(const char *text, size_t type, int64_t *out)
{
	bool is_negative = *text == '-';
	unsigned long long n, max;

	if (is_negative)
		max = types[type].min < 0 ? (unsigned long long)-(types[type].min + 1) + 1 : 0;
	else
		max = (unsigned long long)types[type].max;
	if ((is_negative && !max) || str_to_u64(text + is_negative, 0, max, &n) < 0)
		return false;
	*out = (int64_t)(is_negative ? 0 - n : n);
	return true;
}

/* One of 'text' or "text" at *P, which then is behind it: NULL when there is none. A backslash
 * takes away the meaning of what follows. */
static char *take_quoted(const char **p)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char quote = **p;
	const char *c = *p + 1;

	if (quote != '\'' && quote != '"')
		return NULL;
	for (; *c && *c != quote; c++) {
		if (*c == '\\' && c[1])
			c++;
		strbuf_addch(&text, *c);
	}
	if (*c != quote)
		return NULL;
	*p = c + 1;
	return strbuf_detach(&text);
}

static bool add_texts(struct properties *p, const char *name, const char *value)
{
	struct property *one = add(p, name, "as");

	for (value++; *value != ']';) {
		char *text;

		value += strspn(value, " ");
		text = take_quoted(&value);
		if (!text)
			return false;
		strvec_push_take(&one->texts, text);
		value += strspn(value, " ");
		if (*value != ',' && *value != ']')
			return false;
		value += *value == ',';
	}
	return !value[1];
}

/* "TimeoutStopSec": seconds, which the bus has as "TimeoutStopUSec". */
static bool is_seconds(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && !strcmp(name + len - 3, "Sec") && name[len - 4] >= 'a' &&
	       name[len - 4] <= 'z';
}

static bool add_number(struct properties *p, const char *name, const char *value)
{
	size_t type = 3; /* int32, as gvariant has it */
	int64_t n;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (str_starts(value, types[i].word)) {
			type = i;
			value += strlen(types[i].word);
			break;
		}
	}
	if (!parse_number(value, type, &n))
		return false;
	if (is_seconds(name)) {
		_cleanup_free_ char *us = xasprintf("%.*sUSec", (int)strlen(name) - 3, name);

		if (n < 0 || n > INT64_MAX / SECOND_US)
			return false;
		properties_number(p, us, "t", n * SECOND_US);
		return true;
	}
	properties_number(p, name, types[type].type, n);
	return true;
}

static bool add_value(struct properties *p, const char *name, const char *value)
{
	if (!strcmp(value, "true") || !strcmp(value, "false")) {
		properties_number(p, name, "b", value[0] == 't');
		return true;
	}
	if (*value == '[')
		return add_texts(p, name, value);
	if (*value == '\'' || *value == '"') {
		_cleanup_free_ char *text = take_quoted(&value);

		if (!text || *value)
			return false;
		properties_text(p, name, text);
		return true;
	}
	return add_number(p, name, value);
}

int properties_annotations(struct properties *p, json_t *annotations, struct error *err)
{
	const char *key;
	json_t *value;

	json_object_foreach(annotations, key, value)
	{
		const char *name = str_skip(key, ANNOTATION), *text = json_string_value(value);

		if (!name)
			continue;
		if (!*name ||
		    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123"
				 "456789") != strlen(name))
			return error_set(err, ERROR_INVALID, 0,
					 "annotation '%s': expected the name of a unit's property "
					 "after '" ANNOTATION "'",
					 key);
		if (!text || !add_value(p, name, text))
			return error_set(err, ERROR_INVALID, 0,
					 "annotation '%s': expected a number ('uint64 5000000'), "
					 "true, false, 'text' or ['text'], got '%s'",
					 key, text ? text : "");
	}
	return 0;
}
