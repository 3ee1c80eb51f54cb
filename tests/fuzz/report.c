/* room: buildpacks */
/* SPDX-License-Identifier: MIT */
/* What a build container says on its descriptor 0: the one channel a tenant's build has to us. */
#include "buildpacks/report.h"

#include <stdint.h>

#include "base/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_report_ struct report r = REPORT_INIT;
	struct error err = ERROR_INIT;

	if (report_parse(&r, (const char *)data, size, &err) == 0 && r.title &&
	    strlen(r.title) > REPORT_TITLE_MAX)
		__builtin_trap();
	return 0;
}
