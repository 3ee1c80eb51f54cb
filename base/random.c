/* SPDX-License-Identifier: MIT */
#include "base/random.h"

#include <stdlib.h>
#include <sys/random.h>

void random_hex(char *out, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < n; i++) {
		unsigned char byte;
		/* one byte never comes back short; without random numbers nothing here is safe */
		if (getrandom(&byte, 1, 0) != 1)
			abort();
		out[i] = digits[byte & 15];
	}
	out[n] = '\0';
}
