/* SPDX-License-Identifier: MIT */
/*
 * Whom a container asks for names: Berth's own resolver (room resolver/), which knows those of apps
 * and hands on the rest. A program that names the host's resolvers itself may use them too: those
 * of /etc/resolv.conf, or behind systemd-resolved when the host uses its stub, but no loopback
 * ones.
 */
#ifndef RUNTIME_RESOLVERS_H
#define RUNTIME_RESOLVERS_H

#include <stdint.h>

#include "base/strbuf.h"

/* The text of a container's /etc/resolv.conf, with the host's search list and options; GATEWAY 0:
 * it has no network. */
void resolvers_conf(uint32_t gateway, struct strbuf *out);
/* The host's resolvers' IPv4 addresses, with ", " between; nothing when there are none. */
void resolvers_addresses(struct strbuf *out);

#endif
