/* SPDX-License-Identifier: MIT */
#include "runtime/eth0.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

#include "runtime/netlink.h"

int eth0_configure(uint32_t addr, uint32_t gateway)
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
		struct nlmsghdr *m = netlink_route(&b, NLM_F_CREATE | NLM_F_EXCL, 0, 0,
						   RT_SCOPE_UNIVERSE, ETH0_INDEX);
		/* the gateway is on no network of ours: taken as being at the other end */
		struct rtmsg *rtm = mnl_nlmsg_get_payload(m);
		rtm->rtm_flags |= RTNH_F_ONLINK;
		mnl_attr_put_u32(m, RTA_GATEWAY, htonl(gateway));
		result = netlink_commit(fd, &b, NULL);
	}
	close(fd);
	return result;
}
