/* SPDX-License-Identifier: MIT */
#include "control/confirm.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/answer.h"

int confirm(struct context *c, const char *what, const char *name, struct error *err)
{
	char line[256] = "";
	if (c->force)
		return 0;
	if (!isatty(STDIN_FILENO))
		return error_set(
			err, ERROR_USAGE, 0,
			"destroying %s '%s' needs --force when there is no terminal to ask "
			"on",
			what, name);
	answer_warning("This destroys %s '%s' with everything it has. There is no way back.\n"
		       "Type its name to go on:",
		       what, name);
	if (!fgets(line, sizeof(line), stdin))
		line[0] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	if (strcmp(line, name) != 0)
		return error_set(err, ERROR_CANCELLED, 0,
				 "nothing destroyed: the name was not '%s'", name);
	return 0;
}
