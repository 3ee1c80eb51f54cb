/* SPDX-License-Identifier: MIT */
#include "base/printable.h"

#include <string.h>

size_t printable_control(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;
	if (u[0] == 0xc2 && u[1] >= 0x80 && u[1] < 0xa0)
		return 2;
	return (u[0] && u[0] < ' ' && u[0] != '\t' && u[0] != '\n') || u[0] == 0x7f;
}

/* Appends what S begins with, and gives what follows it. */
static const char *add_one(struct strbuf *out, const char *s)
{
	size_t n = printable_control(s);
	if (n == 0)
		strbuf_addch(out, *s++);
	for (; n > 0; n--)
		strbuf_addf(out, "\\x%02x", (unsigned char)*s++);
	return s;
}

void printable_add(struct strbuf *out, const char *s)
{
	while (*s)
		s = add_one(out, s);
}

size_t printable_colour(const char *p)
{
	if (p[0] != 27 || p[1] != '[')
		return 0;
	size_t len = 2 + strspn(p + 2, "0123456789;");
	return p[len] == 'm' ? len + 1 : 0;
}

void printable_add_output(struct strbuf *out, const char *s)
{
	while (*s) {
		size_t as_it_is = *s == '\r' ? 1 : printable_colour(s);
		strbuf_add(out, s, as_it_is);
		s = as_it_is ? s + as_it_is : add_one(out, s);
	}
}
