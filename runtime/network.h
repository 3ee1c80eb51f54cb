/* SPDX-License-Identifier: MIT */
/*
 * The network of one instance: routed links (runtime/veth.h), no bridge. Every container has one
 * /32 address out of instance_subnet(); the gateway of all, subnet + 1, is an address of the host's
 * loopback device. An app's container has the IPv6 address too that follows from it
 * (instance/ula.h), for what comes from other containers alone: where the kernel can forward that
 * without making a router of the host (runtime/forwarding.h).
 *
 * One nftables table "berth-N" (family inet) is loaded when berth-runtime starts, through
 * libnftables; starting a container changes no rule, because rules match the interfaces' prefix and
 * spoofed sources are found by reverse path (nft(8), fib). It adds one element to a map that says
 * which app has the address (runtime/owner.h). What the table says:
 *   from a container  the source must be routed back to the same interface; IPv6 only to another
 *                     container, by the same policy and counted with the rest; not to the host
 *                     itself (but replies, and questions for names, which end at the resolver
 *                     at the gateway address), to another instance or link-local and multicast
 *                     addresses; to another container only when the policy (runtime/policy.h) has
 *                     the pair of their apps; DNS to the host's resolvers; the rest leaves by NAT,
 *                     as far as the policy lets the app out; and only so many connections that
 *                     the host's table of them, which is one for all, has room for everybody
 *   to a container    from the host itself (the router), replies, and those pairs; nothing else
 *                     that was forwarded
 *
 * Other tables: an accept here does not undo a drop elsewhere. Docker sets the policy of FORWARD to
 * DROP; there, containers have no egress until DOCKER-USER accepts "bN-+" both ways. Connections
 * from the host to a container pass no forward hook and always work. A firewall of the host's that
 * drops what comes in must let UDP and TCP from "bN-+" to INSTANCE_DNS_PORT pass, or containers
 * know no names.
 *
 * network_init and network_destroy are for berth-runtime, once; all of it is for root in the host's
 * network namespace.
 */
#ifndef RUNTIME_NETWORK_H
#define RUNTIME_NETWORK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "instance/instance.h"
#include "runtime/policy.h"

/* Addresses are uint32_t in host byte order. */
#define NETWORK_TEXT_MAX 16 /* dotted quad and NUL */

/* Loads the table (replacing an earlier one in one transaction), turns forwarding on
 * (runtime/forwarding.h) and gives the gateway address to the loopback device. Running it again is
 * no error. */
int network_init(const struct instance *inst, struct error *err);
/* Somebody has taken the table away, as a reload of the host's firewall does (flush ruleset). Until
 * network_init nothing keeps containers apart, and they know no names. */
bool network_is_lost(const struct instance *inst);
/* Removes the table, the gateway address and every interface of this instance. */
int network_destroy(const struct instance *inst, struct error *err);

/* Replaces the policy in one transaction, for the containers that run too. */
int network_set_policy(const struct instance *inst, const struct policy *p, struct error *err);

/* Reserves a free address for container ID of the app with RANGE: run/addresses/ADDRESS is a link
 * whose text is "ID:RANGE", with ":6" behind it when the container is to have IPv6, and "ID" for
 * RANGE 0: what makes layers and builds is in no app's name on the network, and has no IPv6. The
 * search starts at a random place, so an address is seldom used again soon. */
int network_allocate(const struct instance *inst, const char *id, unsigned range, bool ipv6,
		     uint32_t *out_addr, struct error *err);
/* Frees the address of a container that has ended. The interface goes with its network namespace,
 * some milliseconds later; waiting for the kernel here would cost 25 ms. */
int network_release(const struct instance *inst, uint32_t addr, struct error *err);
/* Removes the table's element of an address that nobody has; false, with nothing changed, when
 * somebody has it by now. */
int network_forget(const struct instance *inst, uint32_t addr, bool *out_forgotten,
		   struct error *err);
/* For leftovers: deletes the host end, whatever holds the other one, and frees the address. */
int network_remove(const struct instance *inst, uint32_t addr, struct error *err);

/* subnet + 1. */
int network_gateway(const struct instance *inst, uint32_t *out, struct error *err);
void network_text(uint32_t addr, char out[NETWORK_TEXT_MAX]);
/* Gives 0 or -1. */
int network_parse(const char *text, uint32_t *out);

#endif
