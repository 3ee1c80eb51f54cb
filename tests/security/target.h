/* SPDX-License-Identifier: MIT */
/*
 * What the probe reaches over the network. A target is "ADDR:PORT", where ADDR is dotted or, in
 * brackets, of IPv6; a link-local one is eth0's.
 */
#ifndef TESTS_SECURITY_TARGET_H
#define TESTS_SECURITY_TARGET_H

/* "connected", the name of an errno, "timeout" after a second, or "bad-target". */
const char *target_reach(const char *target);
/* One datagram from SOURCE, an ADDR of whoever's; prints how it went. Gives an exit status. */
int target_send(const char *source, const char *target);
/* Accepts for ever, over IPv6 too where there is one: a byte for each. Gives an exit status. */
int target_listen(int port);

#endif
