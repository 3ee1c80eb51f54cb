/* room: buildpacks */
/* SPDX-License-Identifier: MIT */
/* The first line is a path, the rest the file. */
#include "buildpacks/dockerignore.h"

#include <stdint.h>
#include <string.h>

#include "base/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_dockerignore_ struct dockerignore ignore = DOCKERIGNORE_INIT;
	struct error err = ERROR_INIT;
	const uint8_t *end = memchr(data, '\n', size);
	size_t len = end ? (size_t)(end - data) : size;
	_cleanup_free_ char *path = xstrndup((const char *)data, len);
	const char *rest = (const char *)data + len;

	if (dockerignore_parse(&ignore, rest, size - len, &err) < 0) {
		if (err.code != ERROR_INVALID)
			__builtin_trap();
		return 0;
	}
	/* without one that takes back, what is in a folder that is left out is left out */
	_cleanup_free_ char *below = xasprintf("%s/x", path);
	if (*path && !ignore.takes_back && dockerignore_has(&ignore, path) &&
	    !dockerignore_has(&ignore, below))
		__builtin_trap();
	return 0;
}
