/* SPDX-License-Identifier: MIT */
#include "runtime/veth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "instance/ula.h"
#include "runtime/eth0.h"
#include "runtime/forwarding.h"
#include "runtime/netlink.h"
#include "runtime/network.h"

/* Of a busy machine: until then a container's first packets would be lost. */
#define AWAIT_US 1000000
#define AWAIT_STEP_US 50

/* One device group per instance: all its interfaces can be removed with one request. */
#define GROUP(inst) (0x62740000u + (inst)->number)

/* Indexes are ours to choose, above what the kernel counts up to, so that one batch can make a
 * link and name it in the requests that follow. */
static int host_index(const struct instance *inst, uint32_t addr)
{
	return (int)(0x40000000u + (inst->number << 16) + (addr & 0xffff));
}

/* Both ends have it: a NOARP link sends to its own address. */
static const unsigned char link_mac[6] = {0x02, 'b', 'e', 'r', 't', 'h'};

/* How the names of instance NUMBER's begin. */
static void name_prefix(unsigned number, char out[VETH_NAME_MAX])
{
	snprintf(out, VETH_NAME_MAX, "b%u-", number % 1000);
}

void veth_name(const struct instance *inst, uint32_t addr, char out[VETH_NAME_MAX])
{
	name_prefix(inst->number, out);
	size_t len = strlen(out);
	snprintf(out + len, VETH_NAME_MAX - len, "%04x", addr & 0xffff);
}

/* By name: nobody else's link has one of ours, whatever index it got. */
static int delete_link(int fd, const char *name)
{
	struct netlink_batch b;
	netlink_init(&b);
	struct nlmsghdr *m = netlink_link(&b, RTM_DELLINK, 0, 0, 0);
	mnl_attr_put_strz(m, IFLA_IFNAME, name);
	int result = netlink_commit(fd, &b, NULL);
	return result == -ENODEV ? 0 : result;
}

int veth_delete(const char *name, struct error *err)
{
	_cleanup_close_ int fd = netlink_open();
	int result = fd < 0 ? fd : delete_link(fd, name);
	if (result < 0)
		return error_set(err, ERROR_SYSTEM, -result, "remove interface '%s'", name);
	return 0;
}

int veth_delete_all(const struct instance *inst, struct error *err)
{
	_cleanup_close_ int fd = netlink_open();
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, -fd, "open a netlink socket");
	struct netlink_batch b;
	netlink_init(&b);
	struct nlmsghdr *m = netlink_link(&b, RTM_DELLINK, 0, 0, 0);
	mnl_attr_put_u32(m, IFLA_GROUP, GROUP(inst));
	int result = netlink_commit(fd, &b, NULL);
	if (result < 0 && result != -ENODEV)
		return error_set(err, ERROR_SYSTEM, -result, "remove the interfaces");
	return 0;
}

struct search {
	char prefix[VETH_NAME_MAX];
	struct strvec *names;
};

static void each_link(void *data, int index, const char *name, uint32_t group)
{
	struct search *s = data;
	(void)index;
	(void)group;
	if (str_starts(name, s->prefix))
		strvec_push(s->names, name);
}

static uint64_t counter(const char *link, const char *name)
{
	char path[96], text[32];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/%s", link, name);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	return strtoull(text, NULL, 10);
}

void veth_traffic(const struct instance *inst, uint32_t addr, uint64_t *to, uint64_t *from)
{
	char link[VETH_NAME_MAX];

	veth_name(inst, addr, link);
	/* the host end sends what comes to the container */
	*to = counter(link, "tx_bytes");
	*from = counter(link, "rx_bytes");
}

int veth_list(unsigned number, struct strvec *out, struct error *err)
{
	struct search s = {.names = out};
	name_prefix(number, s.prefix);
	_cleanup_close_ int fd = netlink_open();
	int result = fd < 0 ? fd : netlink_links(fd, each_link, &s);
	return result < 0 ? error_set(err, ERROR_SYSTEM, -result, "list interfaces") : 0;
}

static void put_pair(struct netlink_batch *b, const struct instance *inst, int netns_fd,
		     uint32_t addr)
{
	char name[VETH_NAME_MAX];
	veth_name(inst, addr, name);
	struct nlmsghdr *m = netlink_link(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
					  host_index(inst, addr), IFF_NOARP);
	mnl_attr_put_strz(m, IFLA_IFNAME, name);
	mnl_attr_put(m, IFLA_ADDRESS, sizeof(link_mac), link_mac);
	mnl_attr_put_u32(m, IFLA_GROUP, GROUP(inst));
	struct nlattr *linkinfo = mnl_attr_nest_start(m, IFLA_LINKINFO);
	mnl_attr_put_strz(m, IFLA_INFO_KIND, "veth");
	struct nlattr *data = mnl_attr_nest_start(m, IFLA_INFO_DATA);
	struct nlattr *peer = mnl_attr_nest_start(m, VETH_INFO_PEER);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(m, sizeof(*info));
	info->ifi_index = ETH0_INDEX;
	info->ifi_flags = IFF_NOARP;
	info->ifi_change = IFF_NOARP;
	mnl_attr_put_strz(m, IFLA_IFNAME, "eth0");
	mnl_attr_put(m, IFLA_ADDRESS, sizeof(link_mac), link_mac);
	mnl_attr_put_u32(m, IFLA_NET_NS_FD, (uint32_t)netns_fd);
	mnl_attr_nest_end(m, peer);
	mnl_attr_nest_end(m, data);
	mnl_attr_nest_end(m, linkinfo);
}

int veth_attach(const struct instance *inst, int netns_fd, uint32_t addr, bool ipv6,
		struct error *err)
{
	static const char *const steps[] = {"",
					    "make the pair",
					    "keep it from making IPv6 addresses",
					    "bring it up",
					    "add the route",
					    "add the IPv6 route"};
	uint32_t gateway;
	struct in6_addr addr6;
	if (network_gateway(inst, &gateway, err) < 0)
		return -1;
	char name[VETH_NAME_MAX];
	veth_name(inst, addr, name);
	_cleanup_close_ int fd = netlink_open();
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, -fd, "open a netlink socket");
	int index = host_index(inst, addr);
	uint32_t which = 0;
	ula_of(addr, &addr6);
	for (int attempt = 0;; attempt++) {
		struct netlink_batch b;
		netlink_init(&b);
		put_pair(&b, inst, netns_fd, addr);
		netlink_no_ipv6(netlink_link(&b, RTM_NEWLINK, 0, index, 0));
		netlink_link(&b, RTM_NEWLINK, 0, index, IFF_UP);
		struct nlmsghdr *m = netlink_route(&b, NLM_F_CREATE | NLM_F_REPLACE, addr, 32,
						   RT_SCOPE_LINK, index);
		mnl_attr_put_u32(m, RTA_PREFSRC, htonl(gateway));
		if (ipv6)
			netlink_route6(&b, NLM_F_CREATE | NLM_F_REPLACE, &addr6, 128, index);
		int result = netlink_commit(fd, &b, &which);
		/* a kernel without IPv6 refuses the second step, which is as good */
		if (result == 0 || (which == 2 && result == -EAFNOSUPPORT))
			return 0;
		if (result != -EEXIST || attempt > 0)
			return error_set(err, ERROR_SYSTEM, -result, "interface '%s': %s", name,
					 which < ARRAY_SIZE(steps) ? steps[which] : "?");
		/* left by a container of that address whose namespace is still going away */
		result = delete_link(fd, name);
		if (result < 0)
			return error_set(err, ERROR_SYSTEM, -result, "remove the old '%s'", name);
	}
}

int veth_forward_ipv6(const struct instance *inst, uint32_t addr, struct error *err)
{
	char name[VETH_NAME_MAX];
	veth_name(inst, addr, name);
	return forwarding_on_ipv6(name, err);
}

int veth_await(const struct instance *inst, uint32_t addr, struct error *err)
{
	int64_t until = clock_us() + AWAIT_US;
	_cleanup_close_ int fd = netlink_open();
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, -fd, "open a netlink socket");
	for (;;) {
		int up = netlink_can_send(fd, host_index(inst, addr));
		if (up < 0)
			return error_set(err, ERROR_SYSTEM, -up, "look at the container's link");
		/* later than that it is the kernel's, and no reason not to start */
		if (up > 0 || clock_us() > until)
			return 0;
		usleep(AWAIT_STEP_US);
	}
}

/* What may come at once: a tenth of a second, and never less than the largest packet that a virtual
 * link carries. */
static uint32_t burst_of(uint64_t rate)
{
	const uint64_t least = 128 << 10, most = 64 << 20;
	uint64_t tenth = rate / 10;

	return (uint32_t)(tenth < least ? least : tenth > most ? most : tenth);
}

static int set_rate(int index, uint64_t rate)
{
	struct netlink_batch b;
	_cleanup_close_ int fd = netlink_open();

	if (fd < 0)
		return fd;
	netlink_init(&b);
	netlink_rate(&b, index, rate, burst_of(rate));
	return netlink_commit(fd, &b, NULL);
}

int veth_limit(const struct instance *inst, int netns_fd, uint32_t addr, uint64_t to, uint64_t from,
	       struct error *err)
{
	_cleanup_close_ int home = -1;
	int result = to ? set_rate(host_index(inst, addr), to) : 0;

	if (result == 0 && from) {
		home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		if (home < 0 || setns(netns_fd, CLONE_NEWNET) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "enter a network namespace");
		result = set_rate(ETH0_INDEX, from);
		if (setns(home, CLONE_NEWNET) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "leave a network namespace");
	}
	if (result < 0)
		return error_set(err, ERROR_SYSTEM, -result,
				 "limit the network's rate (does the kernel have sch_tbf?)");
	return 0;
}
