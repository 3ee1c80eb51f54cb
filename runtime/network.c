/* SPDX-License-Identifier: MIT */
#include "runtime/network.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "instance/name.h"
#include "instance/ula.h"
#include "runtime/eth0.h"
#include "runtime/forwarding.h"
#include "runtime/netlink.h"
#include "runtime/nft.h"
#include "runtime/owner.h"
#include "runtime/resolvers.h"
#include "runtime/veth.h"
#include "runtime/wire.h"

/* What the kernel's table of connections holds where it does not say so yet. */
#define CONNTRACK_MAX 65536
#define FLOW_LISTS 128

/* Where a packet has the IPv4 address of a container: its own in an IPv4 header, and the end of the
 * IPv6 one (instance/ula.h) in that header. So what is known and counted of the one is of both. */
#define FROM4 "@nh,96,32"
#define TO4 "@nh,128,32"
#define FROM6 "@nh,160,32"
#define TO6 "@nh,288,32"
#define V4 "meta nfproto ipv4 "
#define V6 "meta nfproto ipv6 "

void network_text(uint32_t addr, char out[NETWORK_TEXT_MAX])
{
	snprintf(out, NETWORK_TEXT_MAX, "%u.%u.%u.%u", addr >> 24, (addr >> 16) & 0xff,
		 (addr >> 8) & 0xff, addr & 0xff);
}

int network_parse(const char *text, uint32_t *out)
{
	struct in_addr in;
	if (inet_pton(AF_INET, text, &in) != 1)
		return -1;
	*out = ntohl(in.s_addr);
	return 0;
}

int network_gateway(const struct instance *inst, uint32_t *out, struct error *err)
{
	uint32_t subnet;
	if (instance_subnet(inst, &subnet, err) < 0)
		return -1;
	*out = subnet + 1;
	return 0;
}

/* What the rules look up, and the two questions that are asked there. The marks are those of a
 * packet on its way between chains, and are 0 when it goes on. */
static void write_policy(struct strbuf *sb)
{
	strbuf_addstr(
		sb, "map owners {\ntypeof " FROM4 " : meta mark\n}\n"
		    "set links {\ntype mark . mark\n}\n"
		    "set closed {\ntype mark\n}\n"
		    "set nets {\ntype mark . ipv4_addr\nflags interval\n}\n"
		    "set ports {\ntype mark . ipv4_addr . inet_service\nflags interval\n}\n"
		    /* from one container to another; what was opened is asked again with each of
		     * its packets, so that a link that is cut is cut for open connections too */
		    "chain between {\n"
		    "ct direction reply ct state established,related accept\n"
		    "meta mark set 0\n"
		    "ct mark set 0\n"
		/* of an address that nobody owns the mark stays 0, which is in no pair */
		V4 "meta mark set " FROM4 " map @owners\n" V4 "ct mark set " TO4 " map @owners\n" V6
		    "meta mark set " FROM6 " map @owners\n" V6 "ct mark set " TO6 " map @owners\n"
		    "meta mark . ct mark @links meta mark set 0 accept\n"
		    "jump refuse\n"
		    "}\n"
		    /* from a container to elsewhere, which is IPv4: refuses what its app's egress
		     * policy does not allow */
		    "chain outside {\n"
		    "ct direction reply return\n"
		    "meta mark set 0\n" V4 "meta mark set " FROM4 " map @owners\n"
		    "meta mark != @closed meta mark set 0 return\n"
		    "meta mark . ip daddr @nets meta mark set 0 return\n"
		    "meta l4proto { tcp, udp } meta mark . ip daddr . th dport @ports "
		    "meta mark set 0 return\n"
		    "jump refuse\n"
		    "}\n");
}

/* The host's table of connections, which NAT needs, is one for all: who fills it keeps everybody
 * off the network, the router's requests to apps included. So each container has a sixteenth of it
 * for open connections, and opens no more than take a quarter before the kernel forgets them (120 s
 * after their end). A kernel that cannot count has no such bounds.
 *
 * The kernel counts by looking each connection up that it has noted, so there are many short lists
 * for each container, and the mark says which; it is 0 again afterwards. */
static void write_bounds(struct strbuf *sb, unsigned long long table)
{
	unsigned long long most = table / 16, rate = table / 480;
	_cleanup_free_ char *pace =
		xasprintf("limit rate over %llu/second burst %llu packets } counter goto refuse\n",
			  rate, most);
	_cleanup_free_ char *count = xasprintf(
		"meta mark ct count over %llu } counter goto refuse\n", most / FLOW_LISTS);

	strbuf_addstr(sb,
		      "set flows {\ntypeof " FROM4 " . meta mark\nsize 1048576\nflags dynamic\n}\n"
		      "set paces {\ntypeof " FROM4 "\nsize 65536\nflags dynamic,timeout\n"
		      "timeout 5m\n}\n"
		      "chain bounds {\n");
	strbuf_addf(sb, V4 "update @paces { " FROM4 " %s", pace);
	strbuf_addf(sb, V6 "update @paces { " FROM6 " %s", pace);
	strbuf_addf(sb,
		    V4 "meta mark set jhash ip daddr . th sport . th dport mod %d\n" V6
		       "meta mark set jhash ip6 daddr . th sport . th dport mod %d\n",
		    FLOW_LISTS, FLOW_LISTS);
	strbuf_addf(sb, V4 "add @flows { " FROM4 " . %s", count);
	strbuf_addf(sb, V6 "add @flows { " FROM6 " . %s", count);
	strbuf_addstr(sb, "meta mark set 0\n}\n");
}

/* IPv6 from a container: from its own address, which no route but its link's leads to, to another
 * container or the gateway, and nothing but what programs send. Neighbours and routers are nobody's
 * to tell of; extension headers no program needs, and whoever reads a packet past them may read it
 * otherwise than the next one does. Fragments are put together before this. NET is the instance's.
 */
static void write_source6(struct strbuf *sb, const char *net)
{
	strbuf_addf(sb,
		    "chain source6 {\n"
		    "ip6 saddr != %s counter drop\n"
		    "ip6 daddr != %s counter drop\n"
		    "fib saddr . iif oif missing counter drop\n"
		    "ip6 nexthdr { 0, 43, 44, 51, 60, 135, 139, 140 } counter drop\n"
		    "icmpv6 type != { destination-unreachable, packet-too-big, time-exceeded, "
		    "parameter-problem, echo-request, echo-reply } counter drop\n"
		    /* an address that nobody has: what the kernel says of its route comes while a
		     * connect(2) still holds its socket, which then forgets it for a second */
		    "tcp flags & (syn | ack) == syn fib daddr type unreachable "
		    "reject with tcp reset\n"
		    "}\n",
		    net, net);
}

static unsigned long long read_table_size(void)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	unsigned long long n;

	if (file_read(AT_FDCWD, "/proc/sys/net/netfilter/nf_conntrack_max", 64, &text, NULL) < 0)
		return CONNTRACK_MAX;
	strbuf_trim(&text);
	/* 0: as many as come */
	return str_to_u64(text.data, 4096, 1u << 30, &n) < 0 ? CONNTRACK_MAX : n;
}

/* The rules: see network.h. TABLE is the size of the table of connections, 0: without bounds. */
static void write_rules(struct strbuf *sb, const struct instance *inst, uint32_t subnet,
			const char *resolvers, unsigned long long table)
{
	/* not what a flow sends before the first answer comes: that is all new, too */
	const char *bounds =
		table ? "ct state new ct status & confirmed == 0 jump bounds" : "continue";
	char net[NETWORK_TEXT_MAX], gateway[NETWORK_TEXT_MAX], address6[INET6_ADDRSTRLEN];
	unsigned n = inst->number;
	network_text(subnet, net);
	network_text(subnet + 1, gateway);
	ula_text(subnet, address6);
	_cleanup_free_ char *net6 = xasprintf("%s/%d", address6, ULA_NET_BITS);
	/* "add" first, so that "delete" finds one the first time too */
	strbuf_addf(sb, "add table inet berth-%u\ndelete table inet berth-%u\n", n, n);
	strbuf_addf(sb, "table inet berth-%u {\n", n);
	strbuf_addf(sb, "set resolvers {\ntype ipv4_addr\n%s}\n", resolvers);
	strbuf_addstr(sb,
		      "set askers {\ntype ipv4_addr\nflags dynamic\nsize 65535\ntimeout 10s\n}\n");
	write_source6(sb, net6);
	strbuf_addf(sb,
		    "chain source {\n"
		    "type filter hook prerouting priority raw; policy accept;\n"
		    /* the resolver is for containers */
		    "iifname != \"b%u-*\" iifname != \"lo\" ip daddr %s meta l4proto { tcp, udp } "
		    "th dport %u drop\n"
		    "iifname != \"b%u-*\" accept\n" V6 "goto source6\n"
		    "ip saddr != %s/16 counter drop\n"
		    "fib saddr . iif oif missing counter drop\n"
		    /* more than any program asks, and a tenth of what the resolver answers:
		     * nobody's flood keeps it from the others */
		    "ip daddr %s udp dport 53 update @askers { ip saddr limit rate over "
		    "10000/second burst 2000 packets } drop\n"
		    /* by hand, and the answers back: a question is no connection that the kernel
		     * has to remember for half a minute, nor one that counts as such */
		    "ip daddr %s udp dport 53 udp dport set %u notrack\n"
		    "}\n"
		    "chain answers {\n"
		    "type filter hook output priority raw; policy accept;\n"
		    "oifname \"b%u-*\" ip saddr %s udp sport %u udp sport set 53 notrack\n"
		    /* no container hears of routers and neighbours from the host either */
		    "oifname \"b%u-*\" ip6 daddr != %s drop\n"
		    "}\n",
		    n, gateway, INSTANCE_DNS_PORT, n, net, gateway, gateway, INSTANCE_DNS_PORT, n,
		    gateway, INSTANCE_DNS_PORT, n, net6);
	strbuf_addf(sb,
		    "chain names {\n"
		    "type nat hook prerouting priority dstnat; policy accept;\n"
		    "iifname \"b%u-*\" ip daddr %s tcp dport 53 dnat ip to %s:%u\n"
		    "}\n",
		    n, gateway, gateway, INSTANCE_DNS_PORT);
	/* refused and not dropped, so that a program inside learns it at once */
	strbuf_addf(sb, "chain refuse {\n"
			"meta l4proto tcp reject with tcp reset\n"
			"reject with icmpx type admin-prohibited\n"
			"}\n");
	if (table)
		write_bounds(sb, table);
	write_policy(sb);
	strbuf_addf(sb,
		    "chain input {\n"
		    "type filter hook input priority filter; policy accept;\n"
		    "iifname != \"b%u-*\" accept\n"
		    "ct state established,related accept\n"
		    "%s\n"
		    "ip daddr %s meta l4proto { tcp, udp } th dport %u accept\n" V6 "jump refuse\n"
		    "jump outside\n"
		    "ip daddr @resolvers meta l4proto { tcp, udp } th dport 53 accept\n"
		    "jump refuse\n"
		    "}\n",
		    n, bounds, gateway, INSTANCE_DNS_PORT);
	strbuf_addf(
		sb,
		"chain forward {\n"
		"type filter hook forward priority filter; policy accept;\n"
		"iifname != \"b%u-*\" oifname != \"b%u-*\" accept\n"
		"iifname \"b%u-*\" %s\n"
		"iifname \"b%u-*\" oifname \"b%u-*\" goto between\n"
		"iifname \"b%u-*\" " V6 "jump refuse\n"
		"iifname \"b%u-*\" jump outside\n"
		"ct state established,related accept\n"
		"oifname \"b%u-*\" jump refuse\n"
		/* what a published port of the host was turned into (Docker) is the host's too */
		"ct status dnat jump refuse\n"
		"ip daddr @resolvers meta l4proto { tcp, udp } th dport 53 accept\n"
		"ip daddr { 0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 224.0.0.0/3 } jump refuse\n"
		/* what clouds keep elsewhere: metadata of Azure and Alibaba */
		"ip daddr { 168.63.129.16, 100.100.100.200 } jump refuse\n"
		"ip daddr { 10.200.0.0-10.%u.255.255 } jump refuse\n"
		"ip daddr %s/16 jump refuse\n"
		"}\n",
		n, n, n, bounds, n, n, n, n, n, 200 + INSTANCE_NUMBERS - 1, net);
	strbuf_addf(sb,
		    "chain leave {\n"
		    "type nat hook postrouting priority srcnat; policy accept;\n"
		    "ip saddr %s/16 oifname != \"lo\" oifname != \"b%u-*\" masquerade\n"
		    "}\n}\n",
		    net, n);
}

static int change_gateway(const struct instance *inst, uint32_t gateway, uint16_t type,
			  uint16_t flags, struct error *err)
{
	_cleanup_close_ int fd = netlink_open();
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, -fd, "open a netlink socket");
	struct netlink_batch b;
	netlink_init(&b);
	struct nlmsghdr *m = netlink_address(&b, type, flags, ETH0_LO_INDEX, gateway);
	char label[IFNAMSIZ];
	snprintf(label, sizeof(label), "lo:berth%u", inst->number % 1000);
	mnl_attr_put_strz(m, IFA_LABEL, label);
	int result = netlink_commit(fd, &b, NULL);
	if (result < 0 && result != -EEXIST && result != -EADDRNOTAVAIL)
		return error_set(err, ERROR_SYSTEM, -result, "change the gateway address of '%s'",
				 label);
	return 0;
}

/* An address that no container has at this moment leads nowhere. Without this route its packets
 * would follow the host's default route, and some stranger out there might answer in an app's
 * name, or get its requests. */
static int change_dead_end(const struct instance *inst, uint32_t subnet, uint16_t type,
			   uint16_t flags, struct error *err)
{
	_cleanup_close_ int fd = netlink_open();
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, -fd, "open a netlink socket");
	struct netlink_batch b;
	netlink_init(&b);
	netlink_dead_end(&b, type, flags, subnet, 16);
	int result = netlink_commit(fd, &b, NULL);
	if (result < 0 && result != -ESRCH)
		return error_set(err, ERROR_SYSTEM, -result,
				 "change the unreachable route of instance %u", inst->number);
	return 0;
}

/* One request of IPv6 against what may not be there, or for what this machine may not have: no
 * IPv6, or turned off for the loopback. */
static int change_ipv6(const struct instance *inst, struct netlink_batch *b, struct error *err)
{
	static const int fine[] = {EEXIST,     EADDRNOTAVAIL, ESRCH, ENODEV,
				   EOPNOTSUPP, EAFNOSUPPORT,  EACCES};
	_cleanup_close_ int fd = netlink_open();
	int result = fd < 0 ? fd : netlink_commit(fd, b, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(fine); i++)
		if (result == -fine[i])
			return 0;
	return result < 0 ? error_set(err, ERROR_SYSTEM, -result,
				      "change the IPv6 routes of instance %u", inst->number)
			  : 0;
}

/* The same two for IPv6, where containers have it: the gateway's address is whence the host says
 * that it refuses something. */
static int change_both6(const struct instance *inst, uint32_t subnet, bool add, struct error *err)
{
	uint16_t flags = add ? NLM_F_CREATE | NLM_F_REPLACE : 0;
	struct netlink_batch b;
	struct in6_addr to;
	netlink_init(&b);
	ula_of(subnet, &to);
	netlink_dead_end6(&b, add ? RTM_NEWROUTE : RTM_DELROUTE, flags, &to, ULA_NET_BITS);
	if (change_ipv6(inst, &b, err) < 0)
		return -1;
	ula_of(subnet + 1, &to);
	netlink_address6(&b, add ? RTM_NEWADDR : RTM_DELADDR, flags, ETH0_LO_INDEX, &to);
	return change_ipv6(inst, &b, err);
}

/* For the links that are there: a setting of all interfaces may have turned it off. */
static int forward_ipv6(const struct instance *inst, struct error *err)
{
	_cleanup_strvec_ struct strvec links = STRVEC_INIT;
	if (veth_list(inst->number, &links, err) < 0)
		return -1;
	for (size_t i = 0; i < links.n; i++)
		if (forwarding_on_ipv6(links.v[i], err) < 0)
			return -1;
	return 0;
}

/* Who has each address is written in run/addresses/ADDRESS: see network_allocate. */
static void each_owner(const struct instance *inst,
		       void (*each)(const struct instance *inst, uint32_t addr, unsigned range,
				    void *data),
		       void *data)
{
	_cleanup_free_ char *path = instance_run(inst, "addresses");
	DIR *dir = opendir(path);
	struct dirent *e;
	while (dir && (e = readdir(dir))) {
		char holder[NAME_ID_MAX + 16];
		unsigned long long range;
		uint32_t addr;
		ssize_t n = network_parse(e->d_name, &addr) == 0
				    ? readlinkat(dirfd(dir), e->d_name, holder, sizeof(holder) - 1)
				    : -1;
		holder[n < 0 ? 0 : n] = '\0';
		char *rest = holder;
		strsep(&rest, ":");
		if (rest && str_to_u64(strsep(&rest, ":"), 1, INSTANCE_RANGES - 1, &range) == 0)
			each(inst, addr, (unsigned)range, data);
	}
	if (dir)
		closedir(dir);
}

static void write_owner(const struct instance *inst, uint32_t addr, unsigned range, void *data)
{
	strbuf_addf(data, "add element inet berth-%u owners { 0x%x : %u }\n", inst->number, addr,
		    range);
}

static void tell_owner(const struct instance *inst, uint32_t addr, unsigned range, void *data)
{
	(void)data;
	owner_set(inst, addr, range);
}

/* The policy that was sent last; a machine that was started has none before berthd sends it. */
static int restore_policy(const struct instance *inst, const char *table, struct strbuf *rules,
			  struct error *err)
{
	_cleanup_free_ char *path = instance_run(inst, "policy");
	_cleanup_strbuf_ struct strbuf file = STRBUF_INIT;
	_cleanup_policy_ struct policy policy = POLICY_INIT;
	struct error why = ERROR_INIT;
	if (file_read(AT_FDCWD, path, WIRE_MAX_BYTES, &file, &why) < 0) {
		if (why.code == ERROR_NOT_FOUND)
			return 0;
		*err = why;
		return -1;
	}
	/* an earlier Berth's: berthd sends it anew */
	if (policy_decode(&policy, file.data, file.len, NULL) < 0)
		return 0;
	policy_write_nft(&policy, table, rules);
	return 0;
}

int network_set_policy(const struct instance *inst, const struct policy *p, struct error *err)
{
	_cleanup_free_ char *path = instance_run(inst, "policy");
	_cleanup_free_ char *table = xasprintf("berth-%u", inst->number);
	_cleanup_strbuf_ struct strbuf file = STRBUF_INIT;
	_cleanup_strbuf_ struct strbuf commands = STRBUF_INIT;
	if (policy_encode(p, &file, err) < 0 ||
	    file_replace(AT_FDCWD, path, file.data, file.len, 0600, err) < 0)
		return -1;
	policy_write_nft(p, table, &commands);
	return nft_run(commands.data, err);
}

static int load_table(const struct instance *inst, uint32_t subnet, const char *resolvers,
		      unsigned long long connections, struct error *err)
{
	_cleanup_free_ char *table = xasprintf("berth-%u", inst->number);
	_cleanup_strbuf_ struct strbuf rules = STRBUF_INIT;
	write_rules(&rules, inst, subnet, resolvers, connections);
	each_owner(inst, write_owner, &rules);
	if (restore_policy(inst, table, &rules, err) < 0)
		return -1;
	return nft_run(rules.data, err) < 0 ? error_wrap(err, "load the table '%s'", table) : 0;
}

int network_init(const struct instance *inst, struct error *err)
{
	uint32_t subnet;
	if (instance_subnet(inst, &subnet, err) < 0)
		return -1;
	_cleanup_free_ char *addresses = instance_run(inst, "addresses");
	if (file_make_dirs(addresses, 0755, err) < 0)
		return -1;
	_cleanup_strbuf_ struct strbuf servers = STRBUF_INIT;
	resolvers_addresses(&servers);
	_cleanup_free_ char *elements =
		servers.len ? xasprintf("elements = { %s }\n", servers.data) : xstrdup("");
	/* the rules stand before the first packet can be forwarded */
	if (load_table(inst, subnet, elements, read_table_size(), NULL) < 0 &&
	    load_table(inst, subnet, elements, 0, err) < 0)
		return -1;
	/* those that came while the rules were written */
	each_owner(inst, tell_owner, NULL);
	if (change_dead_end(inst, subnet, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, err) < 0 ||
	    change_gateway(inst, subnet + 1, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, err) < 0)
		return -1;
	if (forwarding_has_ipv6() &&
	    (change_both6(inst, subnet, true, err) < 0 || forward_ipv6(inst, err) < 0))
		return -1;
	return forwarding_on(err);
}

bool network_is_lost(const struct instance *inst)
{
	return owner_check(inst) == -ENOENT;
}

int network_destroy(const struct instance *inst, struct error *err)
{
	uint32_t subnet;
	if (instance_subnet(inst, &subnet, err) < 0)
		return -1;
	if (veth_delete_all(inst, err) < 0)
		return -1;
	if (change_gateway(inst, subnet + 1, RTM_DELADDR, 0, err) < 0 ||
	    change_dead_end(inst, subnet, RTM_DELROUTE, 0, err) < 0 ||
	    change_both6(inst, subnet, false, err) < 0)
		return -1;
	_cleanup_free_ char *commands =
		xasprintf("add table inet berth-%u\ndelete table inet berth-%u\n", inst->number,
			  inst->number);
	return nft_run(commands, err);
}

static uint32_t hash(const char *s)
{
	uint32_t h = 2166136261u; /* FNV-1a */
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h ^ (h >> 16);
}

/* Says whose ADDR is from now on. */
static int own_address(const struct instance *inst, uint32_t addr, unsigned range,
		       struct error *err)
{
	int result = owner_set(inst, addr, range);
	/* somebody flushed the host's tables: nothing would keep apart what this starts */
	if (result == -ENOENT)
		return network_init(inst, err);
	if (result < 0)
		return error_set(err, ERROR_SYSTEM, -result,
				 "say in table 'berth-%u' whose an address is", inst->number);
	return 0;
}

int network_allocate(const struct instance *inst, const char *id, unsigned range, bool ipv6,
		     uint32_t *out_addr, struct error *err)
{
	_cleanup_free_ char *holder =
		range ? xasprintf("%s:%u%s", id, range, ipv6 ? ":6" : "") : xstrdup(id);
	uint32_t subnet;
	if (instance_subnet(inst, &subnet, err) < 0)
		return -1;
	_cleanup_free_ char *path = instance_run(inst, "addresses");
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	/* 2 to 65534: not the network, the gateway or the broadcast address */
	const uint32_t usable = 65533;
	uint32_t start = (hash(id) ^ (uint32_t)clock_us()) % usable;
	for (uint32_t i = 0; i < usable; i++) {
		uint32_t addr = subnet + 2 + (start + i) % usable;
		char text[NETWORK_TEXT_MAX];
		network_text(addr, text);
		if (symlinkat(holder, dir, text) == 0) {
			if (range && own_address(inst, addr, range, err) < 0) {
				unlinkat(dir, text, 0);
				return -1;
			}
			*out_addr = addr;
			return 0;
		}
		if (errno != EEXIST)
			return error_set(err, ERROR_SYSTEM, errno, "reserve '%s'", text);
	}
	return error_set(err, ERROR_BUSY, 0, "all addresses of the instance are in use");
}

int network_release(const struct instance *inst, uint32_t addr, struct error *err)
{
	char text[NETWORK_TEXT_MAX];
	network_text(addr, text);
	_cleanup_free_ char *path = instance_run(inst, "addresses/%s", text);
	char holder[NAME_ID_MAX + 16] = "";
	/* before another can have it; not in vain, which would cost the kernel 15 ms */
	if (readlink(path, holder, sizeof(holder) - 1) > 0 && strchr(holder, ':')) {
		int result = owner_remove(inst, addr);
		if (result < 0)
			return error_set(err, ERROR_SYSTEM, -result, "disown '%s'", text);
	}
	if (unlink(path) < 0 && errno != ENOENT)
		return error_set(err, ERROR_SYSTEM, errno, "free '%s'", path);
	return 0;
}

int network_forget(const struct instance *inst, uint32_t addr, bool *out_forgotten,
		   struct error *err)
{
	char text[NETWORK_TEXT_MAX];
	network_text(addr, text);
	_cleanup_free_ char *path = instance_run(inst, "addresses/%s", text);
	/* so that no container gets it, and an element of its own, in the middle */
	if (symlink("cleanup", path) < 0) {
		*out_forgotten = false;
		return errno == EEXIST ? 0
				       : error_set(err, ERROR_SYSTEM, errno, "reserve '%s'", text);
	}
	int result = owner_remove(inst, addr);
	unlink(path);
	if (result < 0)
		return error_set(err, ERROR_SYSTEM, -result, "disown '%s'", text);
	*out_forgotten = true;
	return 0;
}

int network_remove(const struct instance *inst, uint32_t addr, struct error *err)
{
	char name[VETH_NAME_MAX];
	veth_name(inst, addr, name);
	return veth_delete(name, err) < 0 ? -1 : network_release(inst, addr, err);
}
