/* SPDX-License-Identifier: MIT */
#include "runtime/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

int netlink_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	/* errors come back without a copy of the request */
	int one = 1;
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	return fd;
}

void netlink_init(struct netlink_batch *b)
{
	b->used = 0;
	b->n = 0;
	b->last = NULL;
}

/* Attributes are added to the last request, so its final length is known when the next begins. */
static void close_last(struct netlink_batch *b)
{
	if (b->last)
		b->used += MNL_ALIGN(b->last->nlmsg_len);
	b->last = NULL;
}

static struct nlmsghdr *begin(struct netlink_batch *b, uint16_t type, uint16_t flags)
{
	close_last(b);
	struct nlmsghdr *m = mnl_nlmsg_put_header(b->data + b->used);
	m->nlmsg_type = type;
	m->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	m->nlmsg_seq = ++b->n;
	b->last = m;
	return m;
}

struct nlmsghdr *netlink_link(struct netlink_batch *b, uint16_t type, uint16_t flags, int index,
			      unsigned set_flags)
{
	struct nlmsghdr *m = begin(b, type, flags);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(m, sizeof(*info));
	info->ifi_family = AF_UNSPEC;
	info->ifi_index = index;
	info->ifi_flags = set_flags;
	info->ifi_change = set_flags;
	return m;
}

static struct nlmsghdr *address(struct netlink_batch *b, uint16_t type, uint16_t flags, int index,
				uint8_t family, uint8_t len)
{
	struct nlmsghdr *m = begin(b, type, flags);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(m, sizeof(*ifa));
	ifa->ifa_family = family;
	ifa->ifa_prefixlen = len;
	ifa->ifa_scope = RT_SCOPE_UNIVERSE;
	ifa->ifa_index = (unsigned)index;
	return m;
}

struct nlmsghdr *netlink_address(struct netlink_batch *b, uint16_t type, uint16_t flags, int index,
				 uint32_t addr)
{
	struct nlmsghdr *m = address(b, type, flags, index, AF_INET, 32);
	mnl_attr_put_u32(m, IFA_LOCAL, htonl(addr));
	mnl_attr_put_u32(m, IFA_ADDRESS, htonl(addr));
	return m;
}

struct nlmsghdr *netlink_address6(struct netlink_batch *b, uint16_t type, uint16_t flags, int index,
				  const struct in6_addr *addr)
{
	struct nlmsghdr *m = address(b, type, flags, index, AF_INET6, 128);
	mnl_attr_put(m, IFA_LOCAL, sizeof(*addr), addr);
	mnl_attr_put_u32(m, IFA_FLAGS, IFA_F_NODAD | IFA_F_NOPREFIXROUTE);
	return m;
}

static struct nlmsghdr *route(struct netlink_batch *b, uint16_t type, uint16_t flags,
			      uint8_t family, uint8_t dst_len, uint8_t scope, uint8_t kind)
{
	struct nlmsghdr *m = begin(b, type, flags);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(m, sizeof(*rtm));
	rtm->rtm_family = family;
	rtm->rtm_dst_len = dst_len;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = RTPROT_STATIC;
	rtm->rtm_scope = scope;
	rtm->rtm_type = kind;
	return m;
}

struct nlmsghdr *netlink_route(struct netlink_batch *b, uint16_t flags, uint32_t dst,
			       uint8_t dst_len, uint8_t scope, int index)
{
	struct nlmsghdr *m = route(b, RTM_NEWROUTE, flags, AF_INET, dst_len, scope, RTN_UNICAST);
	if (dst_len > 0)
		mnl_attr_put_u32(m, RTA_DST, htonl(dst));
	mnl_attr_put_u32(m, RTA_OIF, (uint32_t)index);
	return m;
}

struct nlmsghdr *netlink_route6(struct netlink_batch *b, uint16_t flags, const struct in6_addr *dst,
				uint8_t dst_len, int index)
{
	struct nlmsghdr *m =
		route(b, RTM_NEWROUTE, flags, AF_INET6, dst_len, RT_SCOPE_UNIVERSE, RTN_UNICAST);
	mnl_attr_put(m, RTA_DST, sizeof(*dst), dst);
	mnl_attr_put_u32(m, RTA_OIF, (uint32_t)index);
	return m;
}

void netlink_dead_end(struct netlink_batch *b, uint16_t type, uint16_t flags, uint32_t dst,
		      uint8_t dst_len)
{
	struct nlmsghdr *m =
		route(b, type, flags, AF_INET, dst_len, RT_SCOPE_UNIVERSE, RTN_UNREACHABLE);
	mnl_attr_put_u32(m, RTA_DST, htonl(dst));
}

void netlink_dead_end6(struct netlink_batch *b, uint16_t type, uint16_t flags,
		       const struct in6_addr *dst, uint8_t dst_len)
{
	struct nlmsghdr *m =
		route(b, type, flags, AF_INET6, dst_len, RT_SCOPE_UNIVERSE, RTN_UNREACHABLE);
	mnl_attr_put(m, RTA_DST, sizeof(*dst), dst);
}

void netlink_rate(struct netlink_batch *b, int index, uint64_t rate, uint32_t burst)
{
	struct nlmsghdr *m = begin(b, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE);
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(m, sizeof(*tc));
	tc->tcm_family = AF_UNSPEC;
	tc->tcm_ifindex = index;
	tc->tcm_parent = TC_H_ROOT;
	mnl_attr_put_strz(m, TCA_KIND, "tbf");
	struct nlattr *options = mnl_attr_nest_start(m, TCA_OPTIONS);
	/* with a known link layer the kernel needs no table of times */
	struct tc_tbf_qopt qopt = {
		.rate = {.linklayer = TC_LINKLAYER_ETHERNET,
			 .rate = rate < UINT32_MAX ? (uint32_t)rate : UINT32_MAX},
		.limit = burst * 2,
	};
	mnl_attr_put(m, TCA_TBF_PARMS, sizeof(qopt), &qopt);
	mnl_attr_put_u32(m, TCA_TBF_BURST, burst);
	if (rate >= UINT32_MAX)
		mnl_attr_put_u64(m, TCA_TBF_RATE64, rate);
	mnl_attr_nest_end(m, options);
}

void netlink_no_ipv6(struct nlmsghdr *m)
{
	struct nlattr *spec = mnl_attr_nest_start(m, IFLA_AF_SPEC);
	struct nlattr *inet6 = mnl_attr_nest_start(m, AF_INET6);
	mnl_attr_put_u8(m, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(m, inet6);
	mnl_attr_nest_end(m, spec);
}

static int send_all(int fd, const void *data, size_t len)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	for (;;) {
		ssize_t n = sendto(fd, data, len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
		if (n >= 0)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}

static ssize_t receive(int fd, void *data, size_t size)
{
	for (;;) {
		ssize_t n = recv(fd, data, size, 0);
		if (n >= 0)
			return n;
		if (errno != EINTR)
			return -errno;
	}
}

int netlink_commit(int fd, struct netlink_batch *b, uint32_t *out_which)
{
	if (!b->last)
		return 0;
	/* failures are always reported; only the last request needs its success told */
	b->last->nlmsg_flags |= NLM_F_ACK;
	uint32_t last_seq = b->last->nlmsg_seq;
	close_last(b);
	int result = send_all(fd, b->data, b->used);
	netlink_init(b);
	if (result < 0)
		return result;
	_Alignas(8) char answer[4096];
	for (;;) {
		ssize_t n = receive(fd, answer, sizeof(answer));
		if (n <= 0)
			return n < 0 ? (int)n : -EIO;
		int left = (int)n;
		for (struct nlmsghdr *m = (struct nlmsghdr *)answer; mnl_nlmsg_ok(m, left);
		     m = mnl_nlmsg_next(m, &left)) {
			if (m->nlmsg_type != NLMSG_ERROR)
				continue;
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(m);
			if (e->error && result == 0) {
				result = e->error;
				if (out_which)
					*out_which = m->nlmsg_seq;
			}
			if (m->nlmsg_seq == last_seq)
				return result;
		}
	}
}

struct link_found {
	const char *name;
	uint32_t group;
};

static int link_attr(const struct nlattr *attr, void *data)
{
	struct link_found *found = data;
	if (mnl_attr_get_type(attr) == IFLA_IFNAME &&
	    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
		found->name = mnl_attr_get_str(attr);
	if (mnl_attr_get_type(attr) == IFLA_GROUP && mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
		found->group = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int operstate_attr(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == IFLA_OPERSTATE)
		*(int *)data = mnl_attr_get_u8(attr) == IF_OPER_UP;
	return MNL_CB_OK;
}

int netlink_can_send(int fd, int index)
{
	struct netlink_batch b;
	netlink_init(&b);
	struct nlmsghdr *request = netlink_link(&b, RTM_GETLINK, 0, index, 0);
	int result = send_all(fd, request, request->nlmsg_len);
	if (result < 0)
		return result;
	_Alignas(8) char answer[8192];
	ssize_t n = receive(fd, answer, sizeof(answer));
	const struct nlmsghdr *m = (struct nlmsghdr *)answer;
	if (n <= 0 || !mnl_nlmsg_ok(m, (int)n))
		return n < 0 ? (int)n : -EIO;
	if (m->nlmsg_type == NLMSG_ERROR)
		return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(m))->error;
	int up = 0;
	mnl_attr_parse(m, sizeof(struct ifinfomsg), operstate_attr, &up);
	return up;
}

int netlink_links(int fd, void (*each)(void *data, int index, const char *name, uint32_t group),
		  void *data)
{
	struct netlink_batch b;
	netlink_init(&b);
	struct nlmsghdr *request = netlink_link(&b, RTM_GETLINK, NLM_F_DUMP, 0, 0);
	int result = send_all(fd, request, request->nlmsg_len);
	if (result < 0)
		return result;
	_Alignas(8) static char answer[32768];
	for (;;) {
		ssize_t n = receive(fd, answer, sizeof(answer));
		if (n <= 0)
			return n < 0 ? (int)n : -EIO;
		int left = (int)n;
		for (struct nlmsghdr *m = (struct nlmsghdr *)answer; mnl_nlmsg_ok(m, left);
		     m = mnl_nlmsg_next(m, &left)) {
			if (m->nlmsg_type == NLMSG_DONE)
				return 0;
			if (m->nlmsg_type == NLMSG_ERROR) {
				const struct nlmsgerr *e = mnl_nlmsg_get_payload(m);
				return e->error;
			}
			if (m->nlmsg_type != RTM_NEWLINK)
				continue;
			const struct ifinfomsg *info = mnl_nlmsg_get_payload(m);
			struct link_found found = {NULL, 0};
			mnl_attr_parse(m, sizeof(*info), link_attr, &found);
			if (found.name)
				each(data, info->ifi_index, found.name, found.group);
		}
	}
}
