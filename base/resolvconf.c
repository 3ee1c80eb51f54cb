/* SPDX-License-Identifier: MIT */
#include "base/resolvconf.h"

#include <string.h>

bool resolvconf_line(char **text, char **out_word, char **out_rest)
{
	char *line;
	while ((line = strsep(text, "\n"))) {
		line += strspn(line, " \t\r");
		size_t n = strcspn(line, " \t\r");
		if (n == 0 || *line == '#' || *line == ';')
			continue;
		*out_rest = line + n;
		if (**out_rest) {
			**out_rest = '\0';
			*out_rest += 1 + strspn(*out_rest + 1, " \t\r");
		}
		char *end = *out_rest + strlen(*out_rest);
		while (end > *out_rest && strchr(" \t\r", end[-1]))
			*--end = '\0';
		*out_word = line;
		return true;
	}
	return false;
}
