/* SPDX-License-Identifier: MIT */
#include "instance/ula.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t prefix[ULA_BITS / 8] = {0xfd, 'b', 'e', 'r', 't', 'h'};

void ula_of(uint32_t addr, struct in6_addr *out)
{
	uint32_t low = htonl(addr);

	memcpy(out->s6_addr, prefix, sizeof(prefix));
	memcpy(out->s6_addr + sizeof(prefix), &low, sizeof(low));
}

void ula_text(uint32_t addr, char out[INET6_ADDRSTRLEN])
{
	struct in6_addr in;

	ula_of(addr, &in);
	inet_ntop(AF_INET6, &in, out, INET6_ADDRSTRLEN);
}
