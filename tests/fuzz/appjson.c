/* room: buildpacks */
/* SPDX-License-Identifier: MIT */
#include "buildpacks/appjson.h"

#include <stdint.h>

#include "instance/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_appjson_ struct appjson aj;
	struct error err = ERROR_INIT;

	appjson_init(&aj);
	if (appjson_parse(&aj, (const char *)data, size, &err) < 0) {
		if (aj.n_env != 0 || err.code == ERROR_NONE)
			__builtin_trap();
		return 0;
	}
	for (size_t i = 0; i < aj.n_env; i++)
		if (name_check_key(aj.env[i].key, &err) < 0)
			__builtin_trap();
	for (size_t i = 0; i < aj.n_formation; i++)
		if (aj.formation[i].quantity < -1 ||
		    aj.formation[i].quantity > APPJSON_QUANTITY_MAX)
			__builtin_trap();
	for (size_t i = 0; i < aj.n_checks; i++)
		for (size_t j = 0; j < aj.checks[i].headers.n; j++)
			if (strpbrk(aj.checks[i].headers.v[j], "\r\n"))
				__builtin_trap();
	return 0;
}
