/* SPDX-License-Identifier: MIT */
/*
 * A batch of rtnetlink(7) requests that goes to the kernel in one message. Everything lies on the
 * caller's stack and no function allocates, so a forked child may use it too. Results are 0 or a
 * negative errno, because that child has no struct error to fill.
 *
 * The kernel runs every request of a batch, also after one that failed.
 */
#ifndef RUNTIME_NETLINK_H
#define RUNTIME_NETLINK_H

#include <stddef.h>
#include <stdint.h>
#include <libmnl/libmnl.h>
#include <netinet/in.h>

#define NETLINK_BATCH_BYTES 2048

struct netlink_batch {
	_Alignas(8) char data[NETLINK_BATCH_BYTES];
	size_t used;
	uint32_t n;
	struct nlmsghdr *last;
};

/* A socket in the caller's network namespace, or a negative errno. */
int netlink_open(void);

/* Appends a request for (TYPE RTM_NEWROUTE) or against (RTM_DELROUTE) an unreachable route. */
void netlink_dead_end(struct netlink_batch *b, uint16_t type, uint16_t flags, uint32_t dst,
		      uint8_t dst_len);
void netlink_dead_end6(struct netlink_batch *b, uint16_t type, uint16_t flags,
		       const struct in6_addr *dst, uint8_t dst_len);

void netlink_init(struct netlink_batch *b);
/* Begins a request: add attributes with mnl_attr_put*, then begin the next or commit. */
struct nlmsghdr *netlink_link(struct netlink_batch *b, uint16_t type, uint16_t flags, int index,
			      unsigned set_flags);
struct nlmsghdr *netlink_address(struct netlink_batch *b, uint16_t type, uint16_t flags, int index,
				 uint32_t addr);
/* Good at once: nobody is asked whether he has it, and it brings no route of its own. */
struct nlmsghdr *netlink_address6(struct netlink_batch *b, uint16_t type, uint16_t flags, int index,
				  const struct in6_addr *addr);
/* A route in the main table; DST_LEN is 0 for the default route. */
struct nlmsghdr *netlink_route(struct netlink_batch *b, uint16_t flags, uint32_t dst,
			       uint8_t dst_len, uint8_t scope, int index);
struct nlmsghdr *netlink_route6(struct netlink_batch *b, uint16_t flags, const struct in6_addr *dst,
				uint8_t dst_len, int index);
/* What link INDEX sends: at most RATE bytes a second, BURST at once (tc-tbf(8)). */
void netlink_rate(struct netlink_batch *b, int index, uint64_t rate, uint32_t burst);
/* No IPv6 address that the kernel thinks of for the link (IFLA_INET6_ADDR_GEN_MODE). */
void netlink_no_ipv6(struct nlmsghdr *m);

/* Sends all and waits: 0, or the first error with its request's number in *out_which (may be
 * NULL). The batch is empty afterwards. */
int netlink_commit(int fd, struct netlink_batch *b, uint32_t *out_which);

/* 1 when link INDEX can send: it is up, and the kernel has seen that its other end is; 0 when not
 * yet, or a negative errno. */
int netlink_can_send(int fd, int index);

/* Calls EACH with every link's index, name and group. */
int netlink_links(int fd, void (*each)(void *data, int index, const char *name, uint32_t group),
		  void *data);

#endif
