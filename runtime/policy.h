/* SPDX-License-Identifier: MIT */
/*
 * Which apps may open connections to which, and where to outside. Apps are named by their id range.
 * Whoever is in no pair reaches no other app; whoever is not closed reaches all of the outside that
 * the table leaves open to everyone. It is always said whole: user berth sends it when something
 * changes, berth-runtime keeps the last one in run/policy for its next start.
 */
#ifndef RUNTIME_POLICY_H
#define RUNTIME_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

#define POLICY_MAX_LINKS 65536
#define POLICY_MAX_RULES 16384

struct policy_link {
	uint32_t from, to; /* the same: its own processes among themselves */
};

/* For a closed app: it may open connections to ADDR/BITS, at PORT or (0) at any. */
struct policy_rule {
	uint32_t range;
	uint32_t addr; /* host byte order, no bits past BITS */
	uint32_t bits;
	uint32_t port;
};

struct policy {
	struct policy_link *links;
	size_t n_links;
	uint32_t *closed; /* apps that reach outside only what a rule allows */
	size_t n_closed;
	struct policy_rule *rules;
	size_t n_rules;
};

#define POLICY_INIT                                                                                \
	{                                                                                          \
		NULL, 0, NULL, 0, NULL, 0                                                          \
	}
void policy_release(struct policy *p);
#define _cleanup_policy_ _cleanup_(policy_release)

void policy_add_link(struct policy *p, uint32_t from, uint32_t to);
void policy_add_closed(struct policy *p, uint32_t range);
/* Left out when another rule of the app allows it already, which then loses those within this one:
 * the kernel's sets take no overlapping intervals. */
void policy_add_rule(struct policy *p, const struct policy_rule *rule);

/* Numbers in bounds, no pair or app twice, rules sound. */
int policy_check(const struct policy *p, struct error *err);
int policy_encode(const struct policy *p, struct strbuf *out, struct error *err);
/* P must be empty. Fuzzed. */
int policy_decode(struct policy *p, const void *data, size_t len, struct error *err);

/* Appends nft(8) commands that replace the elements of the sets "links", "closed", "nets" and
 * "ports" of table inet TABLE. */
void policy_write_nft(const struct policy *p, const char *table, struct strbuf *out);

#endif
