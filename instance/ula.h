/* SPDX-License-Identifier: MIT */
/*
 * A container's IPv6 address, which follows from its IPv4 one: fd62:6572:7468::A.B.C.D, a unique
 * local address (RFC 4193) whose forty bits of a number of one's own spell "berth". So an
 * instance's network is the /112 of its IPv4 /16 and needs no setting of its own, nothing has to be
 * handed out or remembered, and whatever is known of the one address holds for the other. It never
 * leaves the machine.
 */
#ifndef INSTANCE_ULA_H
#define INSTANCE_ULA_H

#include <netinet/in.h>
#include <stdint.h>

/* The bits before those of the IPv4 address, and before those of an instance's containers. */
#define ULA_BITS 96
#define ULA_NET_BITS (ULA_BITS + 16)

/* ADDR in host byte order. */
void ula_of(uint32_t addr, struct in6_addr *out);
void ula_text(uint32_t addr, char out[INET6_ADDRSTRLEN]);

#endif
