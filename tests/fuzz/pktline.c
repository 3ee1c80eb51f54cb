/* room: receiver */
// SPDX-License-Identifier: MIT
#include "receiver/pktline.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	size_t left = size;

	for (;;) {
		_cleanup_(strbuf_release) struct strbuf again = STRBUF_INIT;
		struct error err = ERROR_INIT;
		enum pktline_kind kind;
		const char *payload;
		size_t len, used;
		if (pktline_decode(p, left, &kind, &payload, &len, &used, &err) || !used)
			return 0;
		if (used > left || payload < p || payload + len > p + left)
			abort();
		if (kind == PKTLINE_DATA) {
			if (pktline_add(&again, payload, len, &err) || again.len != used)
				abort();
		} else if (kind != PKTLINE_FLUSH || len) {
			abort();
		}
		p += used;
		left -= used;
	}
}
