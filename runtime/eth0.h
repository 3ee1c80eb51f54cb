/* SPDX-License-Identifier: MIT */
/*
 * A container's own end of its link. Apart from network.h, because every program that starts a
 * container needs it, and none of them loads tables.
 */
#ifndef RUNTIME_ETH0_H
#define RUNTIME_ETH0_H

#include <stdbool.h>
#include <stdint.h>

#define ETH0_LO_INDEX 1 /* the kernel's first interface of a new namespace */
/* Not the next one: where the host has loaded sit, ipip, gre or vti, their fallback devices are in
 * every new namespace too (net.core.fb_tunnels_only_for_init_net). */
#define ETH0_INDEX 100

/* For the container's first process, in its new network namespace with CAP_NET_ADMIN over it, after
 * veth_attach: loopback up, address and default route of eth0; with IPV6 an address of that too
 * (instance/ula.h) and a route to the instance's others, so that whoever tries an IPv6 address of
 * the outside first is told at once that there is no way. With ADDR 0 (no network): loopback only.
 * Stack memory and system calls only. Gives 0 or a negative errno. */
int eth0_configure(uint32_t addr, uint32_t gateway, bool ipv6);

#endif
