/* room: runtime */
/* SPDX-License-Identifier: MIT */
/* What user berth sends to the root process: who may reach whom. */
#include "runtime/policy.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_policy_ struct policy p = POLICY_INIT;
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT, nft = STRBUF_INIT;
	struct error err = ERROR_INIT;

	if (policy_decode(&p, data, size, &err) < 0)
		return 0;
	/* what is taken is said again in the same bytes */
	if (policy_encode(&p, &sb, &err) < 0 || sb.len != size || memcmp(sb.data, data, size) != 0)
		abort();
	policy_write_nft(&p, "t", &nft);
	/* and names nothing else to nft */
	if (strspn(nft.data, "abcdefghijklmnopqrstuvwxyz0123456789 .,/{}\n") != nft.len)
		abort();
	return 0;
}
