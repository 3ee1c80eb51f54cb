/* SPDX-License-Identifier: MIT */
#include "base/printable.h"

size_t printable_control(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;
	if (u[0] == 0xc2 && u[1] >= 0x80 && u[1] < 0xa0)
		return 2;
	return (u[0] && u[0] < ' ' && u[0] != '\t' && u[0] != '\n') || u[0] == 0x7f;
}

void printable_add(struct strbuf *out, const char *s)
{
	while (*s) {
		size_t n = printable_control(s);
		if (n == 0)
			strbuf_addch(out, *s++);
		for (; n > 0; n--)
			strbuf_addf(out, "\\x%02x", (unsigned char)*s++);
	}
}
