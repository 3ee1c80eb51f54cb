/* room: receiver */
// SPDX-License-Identifier: MIT
/* A line of the list of files that `berth up` sends. */
#include "receiver/upload.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "receiver/listing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *line = xstrndup((const char *)data, size);
	_cleanup_free_ char *path = NULL;
	struct error err = ERROR_INIT;
	enum entry_kind kind;
	const char *name;
	uint64_t bytes;
	git_oid oid;

	if (upload_parse(line, strlen(line), &kind, &oid, &bytes, &name, &err))
		return 0;
	if (name < line || name > line + strlen(line) || !*name || bytes > 1ull << 50)
		abort();
	listing_path(name, &path, &err);
	return 0;
}
