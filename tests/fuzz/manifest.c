/* room: plugins */
/* SPDX-License-Identifier: MIT */
/* plugin.yml from anybody: whatever the bytes, an error or a manifest that keeps its promises. */
#include "plugins/manifest.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_manifest_ struct manifest m;
	struct error err = ERROR_INIT;

	manifest_init(&m);
	if (manifest_parse(&m, (const char *)data, size, "plugin.yml", &err) < 0) {
		if (!err.message[0])
			abort();
		return 0;
	}
	if (!manifest_is_name(m.name) || !m.version[0] || !m.description)
		abort();
	for (size_t i = 0; i < m.n_commands; i++)
		if (!manifest_is_name(m.commands[i].name) || !m.commands[i].args)
			abort();
	return 0;
}
