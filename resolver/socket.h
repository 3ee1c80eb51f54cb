/* SPDX-License-Identifier: MIT */
/*
 * Where containers ask: the instance's gateway address at INSTANCE_DNS_PORT, to which the rules
 * lead what they send to port 53 there (runtime/network.h). The address need not be there yet. A
 * keeper holds the sockets, so that questions wait, and are not lost, while the resolver is started
 * again.
 */
#ifndef RESOLVER_SOCKET_H
#define RESOLVER_SOCKET_H

#include "base/error.h"
#include "instance/instance.h"

#define SOCKET_COUNT 2 /* UDP, TCP */
/* In the environment: the descriptors that a keeper has passed, each with ";" behind. */
#define SOCKET_ENV "BERTH_RESOLVER"

/* Both or none. */
int socket_open(const struct instance *inst, int out[SOCKET_COUNT], struct error *err);
/* Those that the supervisor passed, or that systemd has kept since an earlier start, or new ones,
 * of which systemd then keeps copies (sd_notify(3), FDSTORE=1). */
int socket_take(const struct instance *inst, int out[SOCKET_COUNT], struct error *err);

#endif
