/* SPDX-License-Identifier: MIT */
/*
 * What the host's kernel is told to hand on between interfaces (ip-sysctl of the kernel's
 * documentation).
 *
 * IPv4 has one switch, which Berth turns on and leaves on: others on the machine may need it by
 * then. IPv6 has one too, conf/all/forwarding, and Berth never touches it: it makes a router of the
 * machine on all of its interfaces, which then ignores router advertisements and at once forgets
 * the default routes that it learned from them, so a server that has its address from its
 * provider's router would be cut off; and no value says that it is ours alone to turn off again.
 * Since Linux 6.17 conf/LINK/force_forwarding hands on what comes in on that link, and changes
 * nothing else. Berth sets it for containers' links, and it goes with them. Where the kernel has no
 * such switch and its owner has not made a router of the machine, containers have IPv4 alone.
 */
#ifndef RUNTIME_FORWARDING_H
#define RUNTIME_FORWARDING_H

#include <stdbool.h>

#include "base/error.h"

/* IPv4, between all interfaces. Nothing is written when it is on: /proc/sys may be read-only. */
int forwarding_on(struct error *err);

/* Whether containers that start now can have IPv6. */
bool forwarding_has_ipv6(void);
/* IPv6 that comes in on LINK. That there is none by now is no error. */
int forwarding_on_ipv6(const char *link, struct error *err);

#endif
