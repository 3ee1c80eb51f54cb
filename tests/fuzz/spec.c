/* room: runtime */
/* SPDX-License-Identifier: MIT */
/* What user berth sends to the root process: a container spec. */
#include "runtime/specwire.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_spec_ struct container_spec spec;
	_cleanup_spec_ struct container_spec again;
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct error err = ERROR_INIT;

	container_spec_init(&spec);
	container_spec_init(&again);
	if (container_spec_decode(&spec, data, size, &err) < 0)
		return 0;
	/* what is taken can be said again, and means the same */
	if (container_spec_encode(&spec, &sb, &err) < 0)
		return 0; /* only by its size */
	if (container_spec_decode(&again, sb.data, sb.len, &err) < 0 ||
	    !str_equal(spec.id, again.id) || spec.n_mounts != again.n_mounts)
		abort();
	return 0;
}
