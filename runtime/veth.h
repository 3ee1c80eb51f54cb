/* SPDX-License-Identifier: MIT */
/*
 * The link of a container: a pair of virtual interfaces, veth(4). The host end, "bN-ADDRESS" (N the
 * instance's number, ADDRESS the low sixteen bits in hex), carries a host route to exactly that
 * address, and to the IPv6 one that follows from it (instance/ula.h); the other end is the
 * container's eth0, with a default route through the gateway (runtime/eth0.h). Both are NOARP with
 * one MAC, and neither has a link-local address, so no neighbour is ever looked up, told or
 * believed. For root in the host's network namespace.
 */
#ifndef RUNTIME_VETH_H
#define RUNTIME_VETH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"

#define VETH_NAME_MAX 16 /* IFNAMSIZ */

/* The name of the host end of ADDR, which is in host byte order, as everywhere here. */
void veth_name(const struct instance *inst, uint32_t addr, char out[VETH_NAME_MAX]);

/* Makes the pair: the host end up with its host route, with IPV6 one for that address too, eth0 in
 * the network namespace NETNS_FD (/proc/PID/ns/net), up but without address. About 0.3 ms. */
int veth_attach(const struct instance *inst, int netns_fd, uint32_t addr, bool ipv6,
		struct error *err);

/* After veth_attach with IPV6, when nothing more is to be made: what the container sends is
 * forwarded to others. */
int veth_forward_ipv6(const struct instance *inst, uint32_t addr, struct error *err);

/* After veth_attach, when eth0 is up: until the host end can send, some tens of microseconds and
 * never more than a tenth of a second. The kernel notices in a worker of its own that the other end
 * of a link came up, and until then drops what it is to send: the answer to a program's first
 * packet would be lost, and come a second later, or, of a question for a name, five. */
int veth_await(const struct instance *inst, uint32_t addr, struct error *err);

/* After veth_attach: at most so many bytes a second to and from the container, 0 for as many as
 * come. The container's end is limited too, where it cannot be changed from inside. Leaves the
 * network namespace for a moment: without threads. */
int veth_limit(const struct instance *inst, int netns_fd, uint32_t addr, uint64_t to, uint64_t from,
	       struct error *err);

/* The bytes that went to and came from the container; 0 when there is no such link. */
void veth_traffic(const struct instance *inst, uint32_t addr, uint64_t *to, uint64_t *from);

/* The names of the host ends of the instance with NUMBER, which may be gone. */
int veth_list(unsigned number, struct strvec *out, struct error *err);
/* The host end NAME, and with it the other; that there is none is no error. */
int veth_delete(const char *name, struct error *err);
/* All of the instance. */
int veth_delete_all(const struct instance *inst, struct error *err);

#endif
