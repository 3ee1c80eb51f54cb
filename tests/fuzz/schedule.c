/* room: base */
/* SPDX-License-Identifier: MIT */
#include "base/schedule.h"

#include <string.h>

#include "base/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken comes: first after a time that the input's length moves, and then again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = xstrndup((const char *)data, size);
	struct error err = ERROR_INIT;
	struct schedule s;
	int64_t after = 1700000000 + (int64_t)size * 86400;

	if (schedule_parse(text, &s, &err) < 0) {
		if (err.code != ERROR_INVALID || !*err.message)
			__builtin_trap();
		return 0;
	}
	for (int i = 0; i < 2; i++) {
		int64_t next = schedule_next(&s, NULL, after);

		if (next <= after || next % 60)
			__builtin_trap();
		after = next;
	}
	return 0;
}
