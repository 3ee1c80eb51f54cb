/* SPDX-License-Identifier: MIT */
#include "resolver/holder.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "instance/instance.h"
#include "instance/name.h"

/* "ID", "ID:RANGE" or "ID:RANGE:6": gives what is behind the id, NULL when there is no link. */
static char *read_link(int run, uint32_t addr, char *out, size_t size)
{
	char path[40];
	snprintf(path, sizeof(path), "addresses/%u.%u.%u.%u", addr >> 24, (addr >> 16) & 0xff,
		 (addr >> 8) & 0xff, addr & 0xff);
	ssize_t n = readlinkat(run, path, out, size - 1);
	if (n < 0)
		return NULL;
	out[n] = '\0';
	return out + strcspn(out, ":");
}

int holder_range(int run, uint32_t addr)
{
	char holder[NAME_ID_MAX + 16];
	unsigned long long range = 0;
	char *rest = read_link(run, addr, holder, sizeof(holder));
	if (!rest)
		return HOLDER_NONE;
	if (*rest++ == '\0')
		return 0;
	if (str_to_u64(strsep(&rest, ":"), 1, INSTANCE_RANGES - 1, &range) < 0)
		return HOLDER_NONE;
	return (int)range;
}

bool holder_has_ipv6(int run, uint32_t addr)
{
	char holder[NAME_ID_MAX + 16];
	const char *rest = read_link(run, addr, holder, sizeof(holder));
	return rest && *rest && str_equal(rest + 1 + strcspn(rest + 1, ":"), ":6");
}
