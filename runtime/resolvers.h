/* SPDX-License-Identifier: MIT */
/*
 * The host's resolvers, as far as containers can use them: those of /etc/resolv.conf, or behind
 * systemd-resolved when the host uses its stub; loopback ones are left out.
 */
#ifndef RUNTIME_RESOLVERS_H
#define RUNTIME_RESOLVERS_H

#include "base/strbuf.h"

/* The text of a container's /etc/resolv.conf, with the host's search list and options. */
void resolvers_conf(struct strbuf *out);
/* The same ones' IPv4 addresses, with ", " between; nothing when there are none. */
void resolvers_addresses(struct strbuf *out);

#endif
