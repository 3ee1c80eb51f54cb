/* SPDX-License-Identifier: MIT */
/*
 * Whose an address of the instance's subnet is now, and whether he has the IPv6 one that follows
 * from it: berth-runtime says so in run/addresses, one link for each container (runtime/network.h),
 * and keeps its rules by the same. A packet's source
 * can be believed, since those rules let no container use another's address.
 */
#ifndef RESOLVER_HOLDER_H
#define RESOLVER_HOLDER_H

#include <stdbool.h>
#include <stdint.h>

#define HOLDER_NONE (-1) /* no container has it */

/* RUN is a descriptor of the instance's run folder. Gives the id range of the app whose container
 * has ADDR (host byte order); 0 when a build has it, which is in no app's name; or HOLDER_NONE. */
int holder_range(int run, uint32_t addr);

/* Whether the container that has ADDR has IPv6. One that was started by an earlier Berth, or where
 * the kernel could not forward it, has not. */
bool holder_has_ipv6(int run, uint32_t addr);

#endif
