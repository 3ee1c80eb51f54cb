/* SPDX-License-Identifier: MIT */
#include "buildpacks/dockersource.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

static bool ends_in(const char *s, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len > n && memcmp(s + len - n, end, n) == 0;
}

bool docker_source_is_url(const char *source)
{
	return str_starts(source, "https://") || str_starts(source, "http://") ||
	       str_starts(source, "git://");
}

bool docker_source_is_git(const char *source)
{
	return str_starts(source, "git://") ||
	       (docker_source_is_url(source) && ends_in(source, strcspn(source, "?#"), ".git"));
}

bool docker_source_is_packed(const char *source)
{
	static const char *const ends[] = {".bz2", ".tbz", ".tbz2", ".zst", ".tzst"};
	bool packed = false;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		packed |= ends_in(source, strcspn(source, "?#"), ends[i]);
	return packed;
}
