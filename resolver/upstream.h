/* SPDX-License-Identifier: MIT */
/*
 * Whom a question goes to that is not answered here: the resolvers that the setting [network]
 * resolvers names, or else the host's own of /etc/resolv.conf, loopback ones too, as they are now.
 */
#ifndef RESOLVER_UPSTREAM_H
#define RESOLVER_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/error.h"
#include "instance/instance.h"

#define UPSTREAM_MAX 3 /* more, no program asks either (resolv.conf(5)) */

struct upstream {
	struct sockaddr_storage address;
	socklen_t len;
	uint32_t v4; /* host byte order; 0: not an IPv4 one */
};

struct upstreams {
	struct upstream list[UPSTREAM_MAX];
	size_t n;
	bool fixed;       /* by the setting */
	uint32_t gateway; /* never asked: that is here */
	struct stat is;   /* of the file that was read */
	int64_t looked_ms;
};

/* An address in the setting that is none is an error. */
int upstream_init(struct upstreams *u, const struct instance *inst, struct error *err);
/* Reads the host's file again when it has changed; looks at most once a second. */
void upstream_refresh(struct upstreams *u);

#endif
