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

bool docker_source_is_ssh(const char *source)
{
	size_t user = strcspn(source, "@:/#");

	return str_starts(source, "ssh://") ||
	       (user > 0 && source[user] == '@' &&
		source[user + strcspn(source + user, ":/#")] == ':');
}

void docker_source_split(const char *source, char **out_url, char **out_ref, char **out_folder)
{
	size_t len = strcspn(source, "#");
	const char *fragment = source[len] ? source + len + 1 : "";
	size_t ref = strcspn(fragment, ":");

	*out_url = xstrndup(source, len);
	*out_ref = xstrndup(fragment, ref);
	*out_folder = xstrdup(fragment[ref] ? fragment + ref + 1 : "");
}

bool docker_source_is_packed(const char *source)
{
	static const char *const ends[] = {".bz2", ".tbz", ".tbz2", ".zst", ".tzst"};
	bool packed = false;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		packed |= ends_in(source, strcspn(source, "?#"), ends[i]);
	return packed;
}
