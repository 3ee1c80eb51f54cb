/* room: buildpacks */
/* SPDX-License-Identifier: MIT */
#include "buildpacks/procfile.h"

#include <stdint.h>

#include "instance/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_procfile_ struct procfile pf = PROCFILE_INIT;
	struct error err = ERROR_INIT;

	if (procfile_parse(&pf, (const char *)data, size, &err) < 0) {
		if (pf.n != 0 || err.code != ERROR_INVALID)
			__builtin_trap();
		return 0;
	}
	for (size_t i = 0; i < pf.n; i++) {
		const char *command = pf.entries[i].command;
		if (name_check_type(pf.entries[i].type, &err) < 0 || !*command ||
		    strpbrk(command, "\r\n\x1b") ||
		    procfile_command(&pf, pf.entries[i].type) != command)
			__builtin_trap();
	}
	return 0;
}
