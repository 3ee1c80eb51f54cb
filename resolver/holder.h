/* SPDX-License-Identifier: MIT */
/*
 * Whose an address of the instance's subnet is now: berth-runtime says so in run/addresses, one
 * link for each container (runtime/network.h), and keeps its rules by the same. A packet's source
 * can be believed, since those rules let no container use another's address.
 */
#ifndef RESOLVER_HOLDER_H
#define RESOLVER_HOLDER_H

#include <stdint.h>

#define HOLDER_NONE (-1) /* no container has it */

/* RUN is a descriptor of the instance's run folder. Gives the id range of the app whose container
 * has ADDR (host byte order); 0 when a build has it, which is in no app's name; or HOLDER_NONE. */
int holder_range(int run, uint32_t addr);

#endif
