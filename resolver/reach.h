/* SPDX-License-Identifier: MIT */
/*
 * Who may ask for what: which apps reach which, and what closed ones may look up outside.
 * Apps are named by their id range. berthd writes it whole to run/resolver/reach whenever it tells
 * berth-runtime the same (runtime/policy.h); the resolver reads it again when it has changed.
 */
#ifndef RESOLVER_REACH_H
#define RESOLVER_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"
#include "instance/instance.h"

/* A closed app may send questions to servers of these addresses all the same. */
struct reach_server {
	uint32_t range, addr, bits; /* addr: host byte order */
};

/* A closed app is told that NAME is at ADDR. */
struct reach_host {
	char *name;
	uint32_t range, addr;
};

struct reach {
	uint32_t *links; /* from << 16 | to; sorted when read */
	size_t n_links;
	bool closed[INSTANCE_RANGES];
	struct reach_server *servers;
	size_t n_servers;
	struct reach_host *hosts;
	size_t n_hosts;
	struct stat is; /* of the file that was read */
};

#define REACH_INIT                                                                                 \
	{                                                                                          \
		.links = NULL                                                                      \
	}
void reach_release(struct reach *r);
#define _cleanup_reach_ _cleanup_(reach_release)

void reach_add_link(struct reach *r, uint32_t from, uint32_t to);
void reach_add_closed(struct reach *r, uint32_t range);
void reach_add_server(struct reach *r, uint32_t range, uint32_t addr, uint32_t bits);
void reach_add_host(struct reach *r, uint32_t range, const char *name, uint32_t addr);
int reach_publish(const struct reach *r, const struct instance *inst, struct error *err);

/* Reads the file when it is another than before; RUN is a descriptor of the run folder. Without
 * one, or with one that cannot be read, nobody reaches anybody. */
void reach_refresh(struct reach *r, int run);

bool reach_has_link(const struct reach *r, unsigned from, unsigned to);
/* Whether RANGE may have questions sent to ADDR; ADDR 0: to a server that is not an IPv4 one. */
bool reach_may_ask(const struct reach *r, unsigned range, uint32_t addr);

/* Whether RANGE is told of the host NAME, and the addresses: at most MAX. */
bool reach_find_host(const struct reach *r, unsigned range, const char *name, uint32_t *out,
		     size_t max, size_t *out_n);

#endif
