/* SPDX-License-Identifier: MIT */
/*
 * The resolver's loop. It allocates little, starts nothing, and trusts no byte that comes in; who
 * asks is known by the source address (resolver/holder.h), and whoever is no container gets no
 * answer. One who connects to ALIVE is told the counters in one line of JSON.
 */
#ifndef RESOLVER_SERVER_H
#define RESOLVER_SERVER_H

#include "base/error.h"
#include "instance/instance.h"
#include "resolver/socket.h"

/* Returns only with an error. */
int server_run(const struct instance *inst, const int sockets[SOCKET_COUNT], int alive,
	       struct error *err);

#endif
