/* SPDX-License-Identifier: MIT */
/*
 * Amounts as people write them: cores ("0.5"), sizes as Dokku's resource:limit takes them (a number
 * of megabytes, or one with b, k, m or g behind it), and plain numbers.
 */
#ifndef CONTROL_QUANTITY_H
#define CONTROL_QUANTITY_H

#include "base/error.h"

#define QUANTITY_MIB (1ull << 20) /* unit of sizes */
#define QUANTITY_CORES 1000ull    /* unit of cores */

struct quantity {
	const char *form; /* what a value looks like, for the error */
	unsigned long long min, max;
	/* of a bare number: QUANTITY_MIB, QUANTITY_CORES (0 too: all that are idle), or 1 */
	unsigned long long unit;
};

/* VALUE in the smallest unit: bytes, thousandths of a core, pieces. The error calls it WHAT. */
int quantity_parse(const struct quantity *q, const char *what, const char *value,
		   unsigned long long *out, struct error *err);

#endif
