/* SPDX-License-Identifier: MIT */
#include "runtime/eth0.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

#include "instance/ula.h"
#include "runtime/netlink.h"

/* The gateway is on no network of ours: taken as being at the other end. */
static void put_gateway(struct nlmsghdr *m, const void *gateway, size_t size)
{
	struct rtmsg *rtm = mnl_nlmsg_get_payload(m);
	rtm->rtm_flags |= RTNH_F_ONLINK;
	mnl_attr_put(m, RTA_GATEWAY, size, gateway);
}

/* By the gateway, or each address that somebody tries would be a neighbour to the kernel, which
 * has room for some thousand of the whole machine's. */
static void put_ipv6(struct netlink_batch *b, uint32_t addr, uint32_t gateway)
{
	struct in6_addr own, net, to;
	ula_of(addr, &own);
	ula_of(gateway & 0xffff0000, &net);
	ula_of(gateway, &to);
	netlink_address6(b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ETH0_INDEX, &own);
	/* what a worker of the kernel's does for the address too, some time later: until then the
	 * answer to a program's first packet would not be taken as its own */
	struct rtmsg *local =
		mnl_nlmsg_get_payload(netlink_route6(b, NLM_F_CREATE, &own, 128, ETH0_INDEX));
	local->rtm_table = RT_TABLE_LOCAL;
	local->rtm_type = RTN_LOCAL;
	put_gateway(netlink_route6(b, NLM_F_CREATE | NLM_F_EXCL, &net, ULA_NET_BITS, ETH0_INDEX),
		    &to, sizeof(to));
}

int eth0_configure(uint32_t addr, uint32_t gateway, bool ipv6)
{
	int fd = netlink_open();
	if (fd < 0)
		return fd;
	struct netlink_batch b;
	netlink_init(&b);
	netlink_link(&b, RTM_NEWLINK, 0, ETH0_LO_INDEX, IFF_UP);
	int result = netlink_commit(fd, &b, NULL);
	if (result == 0 && addr != 0) {
		netlink_no_ipv6(netlink_link(&b, RTM_NEWLINK, 0, ETH0_INDEX, 0));
		result = netlink_commit(fd, &b, NULL);
		if (result == -EAFNOSUPPORT)
			result = 0;
	}
	if (result == 0 && addr != 0) {
		netlink_link(&b, RTM_NEWLINK, 0, ETH0_INDEX, IFF_UP);
		netlink_address(&b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ETH0_INDEX, addr);
		uint32_t to = htonl(gateway);
		put_gateway(netlink_route(&b, NLM_F_CREATE | NLM_F_EXCL, 0, 0, RT_SCOPE_UNIVERSE,
					  ETH0_INDEX),
			    &to, sizeof(to));
		if (ipv6)
			put_ipv6(&b, addr, gateway);
		result = netlink_commit(fd, &b, NULL);
	}
	close(fd);
	return result;
}
