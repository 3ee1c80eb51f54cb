/* SPDX-License-Identifier: MIT */
#include "control/quantity.h"

#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

/* "0.5" cores as 500. */
static int parse_millis(const char *value, unsigned long long max, unsigned long long *out)
{
	size_t whole = strcspn(value, "."), len = strlen(value);
	_cleanup_free_ char *before = xstrndup(value, whole);
	unsigned long long cores, part = 0;
	if (str_to_u64(before, 0, max / 1000, &cores) < 0)
		return -1;
	if (whole < len) {
		_cleanup_free_ char *after = xasprintf("%s000", value + whole + 1);
		if (len - whole - 1 < 1 || len - whole - 1 > 3)
			return -1;
		after[3] = '\0';
		if (str_to_u64(after, 0, 999, &part) < 0)
			return -1;
	}
	*out = cores * 1000 + part;
	return *out > max ? -1 : 0;
}

static int parse_size(const char *value, unsigned long long unit, unsigned long long *out)
{
	size_t len = strlen(value);
	const char *suffix = len ? strchr("bkmg", value[len - 1] | 0x20) : NULL;
	if (unit == QUANTITY_MIB && suffix && *suffix) {
		static const unsigned shift[] = {['b'] = 0, ['k'] = 10, ['m'] = 20, ['g'] = 30};
		unit = 1ull << shift[(unsigned char)*suffix];
		len--;
	}
	_cleanup_free_ char *digits = xstrndup(value, len);
	if (str_to_u64(digits, 0, UINT64_MAX / unit, out) < 0)
		return -1;
	*out *= unit;
	return 0;
}

int quantity_parse(const struct quantity *q, const char *what, const char *value,
		   unsigned long long *out, struct error *err)
{
	unsigned long long n;
	int parsed = q->unit == QUANTITY_CORES ? parse_millis(value, q->max, &n)
					       : parse_size(value, q->unit, &n);
	bool idle = parsed == 0 && n == 0 && q->unit == QUANTITY_CORES;
	if (parsed < 0 || (n < q->min && !idle) || n > q->max)
		return error_set(err, ERROR_INVALID, 0, "%s is %s, not '%.40s'", what, q->form,
				 value);
	*out = n;
	return 0;
}
