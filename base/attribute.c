/* SPDX-License-Identifier: MIT */
#include "base/attribute.h"

#include "base/strbuf.h"

bool attribute_is_kept(const char *name)
{
	if (str_equal(name, "security.capability"))
		return true;
	return str_starts(name, "user.") && !str_starts(name, "user.overlay.");
}
