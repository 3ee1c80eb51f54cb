/* room: control */
// SPDX-License-Identifier: MIT
#include "control/pubkey.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	struct pubkey key, again;

	if (pubkey_parse((const char *)data, size, &key, &err))
		return 0;
	/* its line is one line, and is the same key */
	if (strpbrk(key.line, "\r\n\"") || pubkey_parse(key.line, strlen(key.line), &again, &err) ||
	    !str_equal(key.line, again.line) || !str_equal(key.fingerprint, again.fingerprint))
		abort();
	pubkey_release(&key);
	pubkey_release(&again);
	return 0;
}
