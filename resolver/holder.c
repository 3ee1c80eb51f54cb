/* SPDX-License-Identifier: MIT */
#include "resolver/holder.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "instance/instance.h"
#include "instance/name.h"

int holder_range(int run, uint32_t addr)
{
	char path[40], holder[NAME_ID_MAX + 16];
	unsigned long long range = 0;
	snprintf(path, sizeof(path), "addresses/%u.%u.%u.%u", addr >> 24, (addr >> 16) & 0xff,
		 (addr >> 8) & 0xff, addr & 0xff);
	ssize_t n = readlinkat(run, path, holder, sizeof(holder) - 1);
	if (n < 0)
		return HOLDER_NONE;
	holder[n] = '\0';
	const char *colon = strchr(holder, ':');
	if (colon && str_to_u64(colon + 1, 1, INSTANCE_RANGES - 1, &range) < 0)
		return HOLDER_NONE;
	return (int)range;
}
