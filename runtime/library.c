/* SPDX-License-Identifier: MIT */
#include "runtime/library.h"

#include <dlfcn.h>
#include <string.h>

int library_load(const char *file, const char *purpose, const struct library_symbol *symbols,
		 size_t n, struct error *err)
{
	void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return error_set(err, ERROR_UNSUPPORTED, 0, "load '%s', which %s: %s", file,
				 purpose, dlerror());
	for (size_t i = 0; i < n; i++) {
		void *found = dlsym(library, symbols[i].name);

		if (!found)
			return error_set(err, ERROR_UNSUPPORTED, 0,
					 "'%s' has no '%s': it is too old", file, symbols[i].name);
		memcpy(symbols[i].at, &found, sizeof(found));
	}
	return 0;
}
