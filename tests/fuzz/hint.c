/* room: buildpacks */
/* SPDX-License-Identifier: MIT */
/* What a failing step printed, which is a tenant's, against every row of the table of hints. */
#include "buildpacks/hint.h"

#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *printed = xstrndup((const char *)data, size);
	struct error err = ERROR_INIT;

	for (int when = HINT_BUILD; when <= HINT_RUN; when *= 2) {
		error_set(&err, ERROR_FAILED, 0, "it did not listen on port 5000");
		hint_add((enum hint_when)when, printed, &err);
		if (!str_starts(err.message, "it did not listen on port 5000"))
			__builtin_trap();
	}
	return 0;
}
