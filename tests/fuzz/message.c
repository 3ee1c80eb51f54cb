/* room: resolver */
/* SPDX-License-Identifier: MIT */
/* What any program in a container sends, and what any resolver outside answers. */
#include "resolver/message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t addresses[40] = {0x0ac80102};
	struct message_query q, again;
	uint8_t out[MESSAGE_UDP_MAX];
	int code = message_read_query(data, size, &q);

	if (code < 0)
		return 0;
	if (strlen(q.name) >= sizeof(q.name) || q.question_end > size || q.last_label >= size)
		abort();
	for (size_t n = 0; n <= 40; n += 20) {
		struct message_reply reply = {
			.code = (enum message_code)code,
			.authoritative = true,
			.addresses = addresses,
			.n = n,
			.ipv6 = n && data[0] & 1,
		};
		size_t len = message_write(data, &q, &reply, out, q.udp_size);
		if (len > q.udp_size)
			abort();
		/* what is said is the answer to what was asked, and is no question itself */
		if (q.question_end && !message_answers(out, len, data, q.question_end))
			abort();
		if (message_read_query(out, len, &again) != -1)
			abort();
	}
	/* as what an upstream says to a question of any length */
	for (size_t end = MESSAGE_HEADER; end < size; end++)
		message_answers(data, size, data, end);
	return 0;
}
