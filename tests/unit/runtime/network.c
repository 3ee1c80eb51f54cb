/* SPDX-License-Identifier: MIT */
/* The network in a namespace of the test's own: rules, addresses, and what a container reaches. */
#include "runtime/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "instance/ula.h"
#include "runtime/eth0.h"
#include "runtime/forwarding.h"
#include "runtime/netlink.h"
#include "runtime/nft.h"
#include "runtime/owner.h"
#include "runtime/resolvers.h"
#include "runtime/veth.h"
#include "tests/unit/runtime/instance.h"

static struct fixture fx;

/* A process in a network namespace of its own, attached with ADDR and configured from inside. It
 * then answers one question after the other over a socket. */
struct guest {
	pid_t pid;
	int sock;
	uint32_t addr;
	bool ipv6;
	char id[16];
};

struct question {
	int type; /* SOCK_STREAM: connect to addr:port; SOCK_DGRAM: send one; 0: listen on port */
	uint32_t from, to;
	uint16_t port;
	bool ipv6; /* from and to those that follow from these */
};

union place {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* Gives the length. ADDR 0: any. */
static socklen_t put_place(union place *out, bool ipv6, uint32_t addr, uint16_t port)
{
	memset(out, 0, sizeof(*out));
	if (!ipv6) {
		out->in.sin_family = AF_INET;
		out->in.sin_port = htons(port);
		out->in.sin_addr.s_addr = htonl(addr);
		return sizeof(out->in);
	}
	out->in6.sin6_family = AF_INET6;
	out->in6.sin6_port = htons(port);
	if (addr)
		ula_of(addr, &out->in6.sin6_addr);
	return sizeof(out->in6);
}

/* At IPv4 and IPv6. */
static int listen_on(uint16_t port)
{
	union place at;
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1;
	socklen_t len = put_place(&at, true, 0, port);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, &at.any, len) < 0 || listen(fd, 8) < 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

/* 0 when connected or sent, otherwise an errno. */
static int try_reach(const struct question *q)
{
	_cleanup_close_ int fd =
		socket(q->ipv6 ? AF_INET6 : AF_INET, q->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	union place to, source;
	socklen_t to_len = put_place(&to, q->ipv6, q->to, q->port);
	socklen_t source_len = put_place(&source, q->ipv6, q->from, 0);
	int one = 1;
	if (q->from) {
		/* as root of a namespace: any source address */
		setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one));
		setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof(one));
		setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &one, sizeof(one));
		setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &one, sizeof(one));
		if (bind(fd, &source.any, source_len) < 0)
			return errno;
	}
	if (connect(fd, &to.any, to_len) < 0 && errno != EINPROGRESS)
		return errno;
	if (q->type == SOCK_DGRAM)
		return send(fd, "x", 1, 0) == 1 ? 0 : errno;
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	/* long enough for a first packet to be sent again: a link just made may drop it */
	if (poll(&p, 1, 1500) <= 0)
		return ETIMEDOUT;
	int e = 0;
	socklen_t len = sizeof(e);
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len);
	return e;
}

static void guest_main(int sock, uint32_t addr, uint32_t gateway, bool ipv6)
{
	char go;
	if (unshare(CLONE_NEWNET) < 0 || write(sock, "u", 1) != 1 || read(sock, &go, 1) != 1)
		_exit(1);
	int result = eth0_configure(addr, gateway, ipv6);
	if (write(sock, &result, sizeof(result)) != sizeof(result))
		_exit(1);
	struct question q;
	while (read(sock, &q, sizeof(q)) == sizeof(q)) {
		result = q.type ? try_reach(&q) : listen_on(q.port);
		if (write(sock, &result, sizeof(result)) != sizeof(result))
			break;
	}
	_exit(0);
}

/* With FIXED not 0, that address and no reservation. */
static void guest_start_at(struct guest *g, const char *id, uint32_t fixed, bool ipv6)
{
	struct error err = ERROR_INIT;
	uint32_t gateway;
	int ends[2], result;
	char ready, path[64];
	snprintf(g->id, sizeof(g->id), "%s", id);
	assert_int_equal(network_gateway(&fx.inst, &gateway, &err), 0);
	g->addr = fixed;
	g->ipv6 = ipv6;
	if (!fixed)
		assert_int_equal(network_allocate(&fx.inst, id, 0, false, &g->addr, &err), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	g->pid = fork();
	if (g->pid == 0) {
		close(ends[0]);
		guest_main(ends[1], g->addr, gateway, ipv6);
	}
	close(ends[1]);
	g->sock = ends[0];
	assert_int_equal(read(g->sock, &ready, 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", g->pid);
	int ns = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(ns >= 0);
	if (veth_attach(&fx.inst, ns, g->addr, ipv6, &err) < 0 ||
	    (ipv6 && veth_forward_ipv6(&fx.inst, g->addr, &err) < 0))
		fail_msg("%s", err.message);
	close(ns);
	assert_int_equal(write(g->sock, "g", 1), 1);
	assert_int_equal(read(g->sock, &result, sizeof(result)), sizeof(result));
	assert_int_equal(result, 0);
}

static void guest_start(struct guest *g, const char *id)
{
	guest_start_at(g, id, 0, false);
}

static void guest_stop(struct guest *g)
{
	struct error err = ERROR_INIT;
	close(g->sock);
	kill(g->pid, SIGKILL);
	waitpid(g->pid, NULL, 0);
	assert_int_equal(network_release(&fx.inst, g->addr, &err), 0);
}

static int ask_question(struct guest *g, const struct question *q)
{
	int result = -1;
	assert_int_equal(write(g->sock, q, sizeof(*q)), sizeof(*q));
	assert_int_equal(read(g->sock, &result, sizeof(result)), sizeof(result));
	return result;
}

static int ask(struct guest *g, int type, uint32_t from, uint32_t to, uint16_t port)
{
	struct question q = {type, from, to, port, false};
	return ask_question(g, &q);
}

static int ask6(struct guest *g, int type, uint32_t from, uint32_t to, uint16_t port)
{
	struct question q = {type, from, to, port, true};
	return ask_question(g, &q);
}

static int reach_from_here(uint32_t to, uint16_t port, bool ipv6)
{
	struct question q = {SOCK_STREAM, 0, to, port, ipv6};
	return try_reach(&q);
}

static void addresses(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	uint32_t subnet, addr, again;
	char text[NETWORK_TEXT_MAX], held[32] = "";
	assert_int_equal(instance_subnet(&fx.inst, &subnet, &err), 0);
	assert_int_equal(network_allocate(&fx.inst, "web.1", 0, false, &addr, &err), 0);
	assert_int_equal(network_allocate(&fx.inst, "web.1", 0, false, &again, &err), 0);
	assert_int_not_equal(addr, again);
	assert_true(addr >= subnet + 2 && addr <= subnet + 65534);
	network_text(addr, text);
	_cleanup_free_ char *path = instance_run(&fx.inst, "addresses/%s", text);
	assert_true(readlink(path, held, sizeof(held) - 1) > 0);
	assert_string_equal(held, "web.1");
	assert_int_equal(network_release(&fx.inst, addr, &err), 0);
	assert_false(file_exists(AT_FDCWD, path));
	assert_int_equal(network_release(&fx.inst, again, &err), 0);
	assert_int_equal(network_parse("10.1.2.3", &addr), 0);
	assert_int_equal(addr, 0x0a010203);
	assert_int_equal(network_parse("10.1.2", &addr), -1);
}

static void many_addresses(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	uint32_t got[1000];
	int64_t began = clock_us();
	for (int i = 0; i < 1000; i++) {
		char id[16];
		snprintf(id, sizeof(id), "app.%d", i);
		assert_int_equal(network_allocate(&fx.inst, id, 0, false, &got[i], &err), 0);
	}
	print_message("1000 addresses: %lld us each\n", (long long)(clock_us() - began) / 1000);
	began = clock_us();
	for (int i = 0; i < 1000; i++)
		assert_int_equal(owner_set(&fx.inst, got[i], 5), 0);
	print_message("1000 owners: %lld us each\n", (long long)(clock_us() - began) / 1000);
	began = clock_us();
	for (int i = 0; i < 20; i++)
		assert_int_equal(owner_remove(&fx.inst, got[i]), 0);
	print_message("and removed: %lld us each\n", (long long)(clock_us() - began) / 20);
	for (int i = 0; i < 1000; i++) {
		char text[NETWORK_TEXT_MAX];
		network_text(got[i], text);
		_cleanup_free_ char *path = instance_run(&fx.inst, "addresses/%s", text);
		assert_int_equal(unlink(path), 0);
	}
}

static void init_twice(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	if (network_init(&fx.inst, &err) < 0 || network_init(&fx.inst, &err) < 0)
		fail_msg("%s", err.message);
}

static void host_and_guest(void **state)
{
	(void)state;
	struct guest a, b;
	uint32_t gateway;
	struct error err = ERROR_INIT;
	assert_int_equal(network_init(&fx.inst, &err), 0);
	network_gateway(&fx.inst, &gateway, &err);
	guest_start(&a, "a");
	guest_start(&b, "b");
	int host = listen_on(7000);
	assert_true(host >= 0);
	assert_true(ask(&b, 0, 0, 0, 7001) >= 0);
	/* the router reaches the app */
	assert_int_equal(reach_from_here(b.addr, 7001, false), 0);
	/* positive control: the listener that is refused below answers */
	assert_int_equal(reach_from_here(gateway, 7000, false), 0);
	/* the app reaches neither the other app, nor the host by any address, nor the metadata */
	assert_int_not_equal(ask(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
	assert_int_not_equal(ask(&a, SOCK_STREAM, 0, gateway, 7000), 0);
	assert_int_not_equal(ask(&a, SOCK_STREAM, 0, 0xc6336401, 7000), 0); /* 198.51.100.1 */
	assert_int_not_equal(ask(&a, SOCK_STREAM, 0, 0xa9fea9fe, 80), 0);
	/* itself it does */
	assert_int_equal(ask(&b, SOCK_STREAM, 0, 0x7f000001, 7001), 0);
	/* positive control: without the table each of these answers */
	assert_int_equal(nft_run("delete table inet berth-9", &err), 0);
	assert_int_equal(ask(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
	assert_int_equal(ask(&a, SOCK_STREAM, 0, gateway, 7000), 0);
	assert_int_equal(ask(&a, SOCK_STREAM, 0, 0xc6336401, 7000), 0);
	close(host);
	guest_stop(&a);
	guest_stop(&b);
}

/* Replaces the policy by one that has the pair FROM, TO (0: none) and, with BITS not 0, closes app
 * FROM but for a rule. */
static void set_policy(uint32_t from, uint32_t to, uint32_t addr, uint32_t bits, uint32_t port)
{
	struct error err = ERROR_INIT;
	_cleanup_policy_ struct policy p = POLICY_INIT;
	if (to)
		policy_add_link(&p, from, to);
	if (bits) {
		struct policy_rule rule = {from, addr, bits, port};
		policy_add_closed(&p, from);
		policy_add_rule(&p, &rule);
	}
	if (network_set_policy(&fx.inst, &p, &err) < 0)
		fail_msg("%s", err.message);
}

static void guest_start_of(struct guest *g, const char *id, unsigned range)
{
	struct error err = ERROR_INIT;
	uint32_t addr;
	bool ipv6 = range && forwarding_has_ipv6();
	assert_int_equal(network_allocate(&fx.inst, id, range, ipv6, &addr, &err), 0);
	guest_start_at(g, id, addr, ipv6);
}

/* Writes a value to a switch of this namespace's IPv6, or reads it. */
static void set_switch(const char *name, char value)
{
	_cleanup_free_ char *path = xasprintf("/proc/sys/net/ipv6/conf/%s", name);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, &value, 1), 1);
}

static char read_switch(const char *name)
{
	char value = 0;
	_cleanup_free_ char *path = xasprintf("/proc/sys/net/ipv6/conf/%s", name);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &value, 1) == 1 ? value : 0;
}

/* Another address of the host's, and with ADD false none any more. */
static void host_address6(const struct in6_addr *addr, bool add)
{
	struct netlink_batch b;
	_cleanup_close_ int fd = netlink_open();
	netlink_init(&b);
	netlink_address6(&b, add ? RTM_NEWADDR : RTM_DELADDR, NLM_F_CREATE, ETH0_LO_INDEX, addr);
	assert_int_equal(netlink_commit(fd, &b, NULL), 0);
}

static void ipv6_of_containers(void **state)
{
	(void)state;
	struct guest a, b;
	struct error err = ERROR_INIT;
	char name[VETH_NAME_MAX], held[32] = "", text[NETWORK_TEXT_MAX];
	uint32_t gateway;
	if (!forwarding_has_ipv6())
		skip();
	assert_int_equal(network_init(&fx.inst, &err), 0);
	network_gateway(&fx.inst, &gateway, &err);
	guest_start_of(&a, "a", 5);
	guest_start_of(&b, "b", 6);
	assert_true(ask(&b, 0, 0, 0, 7001) >= 0);
	network_text(a.addr, text);
	_cleanup_free_ char *path = instance_run(&fx.inst, "addresses/%s", text);
	assert_true(readlink(path, held, sizeof(held) - 1) > 0);
	assert_string_equal(held, "a:5:6");
	/* the host has not become a router, only that link forwards */
	veth_name(&fx.inst, a.addr, name);
	_cleanup_free_ char *link = xasprintf("%s/force_forwarding", name);
	assert_int_equal(read_switch(link), '1');
	assert_int_equal(read_switch("all/forwarding"), '0');
	assert_int_equal(read_switch("default/forwarding"), '0');
	assert_int_equal(read_switch("all/force_forwarding"), '0');
	assert_int_equal(read_switch("default/force_forwarding"), '0');
	assert_int_equal(read_switch("lo/force_forwarding"), '0');
	/* the host, as with IPv4 */
	int host = listen_on(7000);
	struct in6_addr real;
	ula_of(0xcb007109, &real);
	real.s6_addr[5] = 1; /* of no container's */
	host_address6(&real, true);
	assert_int_equal(reach_from_here(b.addr, 7001, true), 0);
	assert_int_equal(reach_from_here(gateway, 7000, true), 0);
	assert_int_equal(ask6(&a, SOCK_STREAM, 0, gateway, 7000), ECONNREFUSED);
	/* an address that nobody has, another instance's, and outside: told at once */
	assert_int_not_equal(ask6(&a, SOCK_STREAM, 0, (gateway & 0xffff0000) | 0xfff0, 80),
			     ETIMEDOUT);
	assert_int_equal(ask6(&a, SOCK_STREAM, 0, gateway + 0x10000, 80), ENETUNREACH);
	/* somebody made a router of the machine and took it back: the links are asked again */
	set_policy(5, 6, 0, 0, 0);
	assert_int_equal(ask6(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
	set_switch("all/forwarding", '1');
	set_switch("all/forwarding", '0');
	assert_int_equal(read_switch(link), '0');
	assert_int_equal(network_init(&fx.inst, &err), 0);
	assert_int_equal(ask6(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
	/* positive control: without the table it answers */
	assert_int_equal(nft_run("delete table inet berth-9", &err), 0);
	assert_int_equal(ask6(&a, SOCK_STREAM, 0, gateway, 7000), 0);
	host_address6(&real, false);
	close(host);
	guest_stop(&a);
	guest_stop(&b);
}

/* IPv4 is as ever. */
static void without_ipv6(void)
{
	struct guest a, b;
	struct error err = ERROR_INIT;
	assert_false(forwarding_has_ipv6());
	assert_int_equal(network_init(&fx.inst, &err), 0);
	assert_int_equal(network_destroy(&fx.inst, &err), 0);
	assert_int_equal(network_init(&fx.inst, &err), 0);
	set_policy(5, 6, 0, 0, 0);
	guest_start_of(&a, "a", 5);
	guest_start_of(&b, "b", 6);
	assert_true(ask(&b, 0, 0, 0, 7001) >= 0);
	assert_int_equal(reach_from_here(b.addr, 7001, false), 0);
	assert_int_equal(ask(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
	assert_int_equal(ask6(&a, SOCK_STREAM, 0, b.addr, 7001), ENETUNREACH);
	guest_stop(&a);
	guest_stop(&b);
	set_policy(0, 0, 0, 0, 0);
}

static void machines_without_ipv6(void **state)
{
	(void)state;
	bool usual = forwarding_has_ipv6();
	/* turned off */
	set_switch("all/disable_ipv6", '1');
	without_ipv6();
	set_switch("all/disable_ipv6", '0');
	/* a kernel that has none has no switches for it */
	assert_int_equal(mount("none", "/proc/sys/net/ipv6", "tmpfs", 0, NULL), 0);
	without_ipv6();
	assert_int_equal(umount("/proc/sys/net/ipv6"), 0);
	assert_int_equal(forwarding_has_ipv6(), usual);
}

/* A third namespace behind the host plays the internet. */
static void egress_and_spoofing(void **state)
{
	(void)state;
	struct guest a, net;
	struct error err = ERROR_INIT;
	uint32_t subnet;
	assert_int_equal(instance_subnet(&fx.inst, &subnet, &err), 0);
	assert_int_equal(network_init(&fx.inst, &err), 0);
	guest_start(&a, "a");
	/* another instance's guest is far away behind the host, as seen from this one */
	struct instance other = fx.inst;
	other.number = 8;
	struct instance mine = fx.inst;
	fx.inst = other;
	assert_int_equal(network_init(&fx.inst, &err), 0);
	guest_start(&net, "net");
	fx.inst = mine;
	assert_true(ask(&net, 0, 0, 0, 7002) >= 0);
	/* other instances' containers are refused although a route exists */
	assert_int_not_equal(ask(&a, SOCK_STREAM, 0, net.addr, 7002), 0);
	/* a spoofed source never comes through: counted by what the host receives */
	int host = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(7003)};
	assert_int_equal(bind(host, (struct sockaddr *)&sin, sizeof(sin)), 0);
	uint32_t sources[] = {0, subnet + 1, a.addr + 1, 0x08080808, net.addr};
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		ask(&a, SOCK_DGRAM, sources[i], subnet + 1, 7003);
	clock_sleep_ms(50);
	char byte;
	assert_int_equal(recv(host, &byte, 1, 0), -1);
	/* positive control: without the table all of it arrives but what no route leads back to */
	assert_int_equal(nft_run("delete table inet berth-9", &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		ask(&a, SOCK_DGRAM, sources[i], subnet + 1, 7003);
	clock_sleep_ms(50);
	assert_int_equal(recv(host, &byte, 1, 0), 1);
	assert_int_equal(recv(host, &byte, 1, 0), 1);
	close(host);
	guest_stop(&a);
	fx.inst = other;
	guest_stop(&net);
	assert_int_equal(network_destroy(&fx.inst, &err), 0);
	fx.inst = mine;
}

static void reuse_at_once(void **state)
{
	(void)state;
	struct guest g;
	struct error err = ERROR_INIT;
	uint32_t subnet;
	assert_int_equal(instance_subnet(&fx.inst, &subnet, &err), 0);
	assert_int_equal(network_init(&fx.inst, &err), 0);
	/* the kernel is still taking the last one's interface away */
	for (int i = 0; i < 5; i++) {
		guest_start_at(&g, "same", subnet + 99, true);
		kill(g.pid, SIGKILL);
		waitpid(g.pid, NULL, 0);
		close(g.sock);
	}
	/* or another process holds its namespace */
	guest_start_at(&g, "same", subnet + 99, true);
	struct guest again;
	guest_start_at(&again, "same", subnet + 99, true);
	assert_int_equal(network_remove(&fx.inst, subnet + 99, &err), 0);
	char name[VETH_NAME_MAX];
	veth_name(&fx.inst, subnet + 99, name);
	assert_int_equal(if_nametoindex(name), 0);
	guest_stop(&g);
	guest_stop(&again);
}

static void linked_apps(void **state)
{
	(void)state;
	struct guest a, b, c, builder;
	struct error err = ERROR_INIT;
	assert_int_equal(network_init(&fx.inst, &err), 0);
	guest_start_of(&a, "a", 5);
	guest_start_of(&b, "b", 6);
	guest_start_of(&c, "c", 7);
	guest_start_of(&builder, "builder", 0);
	struct guest *all[] = {&a, &b, &c, &builder};
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		assert_true(ask(all[i], 0, 0, 0, 7001) >= 0);
	set_policy(0, 0, 0, 0, 0);
	assert_int_not_equal(ask(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
	set_policy(5, 6, 0, 0, 0);
	/* in the link's direction, and nowhere else */
	assert_int_equal(ask(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
	assert_int_not_equal(ask(&b, SOCK_STREAM, 0, a.addr, 7001), 0);
	assert_int_not_equal(ask(&a, SOCK_STREAM, 0, c.addr, 7001), 0);
	assert_int_not_equal(ask(&c, SOCK_STREAM, 0, b.addr, 7001), 0);
	assert_int_not_equal(ask(&builder, SOCK_STREAM, 0, b.addr, 7001), 0);
	assert_int_not_equal(ask(&a, SOCK_STREAM, 0, builder.addr, 7001), 0);
	/* the same over IPv6, where this kernel has it */
	if (a.ipv6) {
		assert_int_equal(ask6(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
		assert_int_equal(ask6(&b, SOCK_STREAM, 0, a.addr, 7001), ECONNREFUSED);
		assert_int_equal(ask6(&a, SOCK_STREAM, 0, c.addr, 7001), ECONNREFUSED);
		assert_int_equal(ask6(&c, SOCK_STREAM, 0, b.addr, 7001), ECONNREFUSED);
		assert_int_not_equal(ask6(&a, SOCK_STREAM, 0, builder.addr, 7001), 0);
		assert_int_equal(ask6(&builder, SOCK_STREAM, 0, b.addr, 7001), ENETUNREACH);
		assert_int_not_equal(ask6(&c, SOCK_STREAM, a.addr, b.addr, 7001), 0);
	}
	/* one app in the name of another: dropped before anybody asks whose it is */
	assert_int_not_equal(ask(&c, SOCK_STREAM, a.addr, b.addr, 7001), 0);
	/* berth-runtime starts again: the same holds */
	assert_int_equal(network_init(&fx.inst, &err), 0);
	assert_int_equal(ask(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
	assert_int_equal(ask6(&a, SOCK_STREAM, 0, b.addr, 7001), a.ipv6 ? 0 : ENETUNREACH);
	assert_int_not_equal(ask(&c, SOCK_STREAM, 0, b.addr, 7001), 0);
	assert_int_not_equal(ask6(&c, SOCK_STREAM, 0, b.addr, 7001), 0);
	/* somebody flushed the host's tables: the next container brings them back */
	assert_int_equal(nft_run("delete table inet berth-9", &err), 0);
	assert_int_equal(ask(&c, SOCK_STREAM, 0, b.addr, 7001), 0);
	assert_int_equal(ask6(&c, SOCK_STREAM, 0, b.addr, 7001), c.ipv6 ? 0 : ENETUNREACH);
	struct guest late;
	guest_start_of(&late, "late", 8);
	assert_int_equal(ask(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
	assert_int_not_equal(ask(&c, SOCK_STREAM, 0, b.addr, 7001), 0);
	guest_stop(&late);
	/* the next holder of an address does not get what the last one had */
	uint32_t addr = a.addr;
	guest_stop(&a);
	guest_start_at(&a, "heir", addr, true);
	assert_int_not_equal(ask(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
	assert_int_not_equal(ask6(&a, SOCK_STREAM, 0, b.addr, 7001), 0);
	guest_stop(&a);
	set_policy(0, 0, 0, 0, 0);
	guest_stop(&b);
	guest_stop(&c);
	guest_stop(&builder);
}

/* An interface on which nobody answers plays the outside. */
static void egress_policy(void **state)
{
	(void)state;
	struct guest a, b;
	struct error err = ERROR_INIT;
	const uint32_t outside = 0xc6336401; /* the host's address 198.51.100.1 */
	_cleanup_policy_ struct policy none = POLICY_INIT;
	assert_int_equal(network_init(&fx.inst, &err), 0);
	guest_start_of(&a, "a", 5);
	guest_start_of(&b, "b", 6);
	/* what the host refuses stays refused, whatever a rule says */
	int host = listen_on(7000);
	set_policy(5, 0, outside, 32, 7000);
	assert_int_not_equal(ask(&a, SOCK_STREAM, 0, outside, 7000), 0);
	close(host);
	/* an address on the way out: TEST-NET-3, which a route takes to where nothing answers; so
	 * refused (by the table) and unanswered (let out) are told apart */
	_cleanup_close_ int fd = netlink_open();
	struct netlink_batch batch;
	netlink_init(&batch);
	struct nlmsghdr *m = netlink_link(&batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 77,
					  IFF_UP | IFF_NOARP);
	mnl_attr_put_strz(m, IFLA_IFNAME, "outside");
	struct nlattr *info = mnl_attr_nest_start(m, IFLA_LINKINFO);
	mnl_attr_put_strz(m, IFLA_INFO_KIND, "veth");
	mnl_attr_nest_end(m, info);
	netlink_route(&batch, NLM_F_CREATE, 0xcb007000, 22, RT_SCOPE_LINK, 77);
	assert_int_equal(netlink_commit(fd, &batch, NULL), 0);
	const uint32_t there = 0xcb007109; /* 203.0.113.9 */
	set_policy(0, 0, 0, 0, 0);
	assert_int_equal(ask(&a, SOCK_STREAM, 0, there, 80), ETIMEDOUT);
	set_policy(5, 0, there, 32, 443);
	assert_int_equal(ask(&a, SOCK_STREAM, 0, there, 80), ECONNREFUSED);
	assert_int_equal(ask(&a, SOCK_STREAM, 0, there, 443), ETIMEDOUT);
	assert_int_equal(ask(&b, SOCK_STREAM, 0, there, 80), ETIMEDOUT);
	set_policy(5, 0, there & 0xffffff00, 24, 0);
	assert_int_equal(ask(&a, SOCK_STREAM, 0, there, 80), ETIMEDOUT);
	assert_int_equal(ask(&a, SOCK_STREAM, 0, there + 0x100, 80), ECONNREFUSED);
	assert_int_equal(network_set_policy(&fx.inst, &none, &err), 0);
	guest_stop(&a);
	guest_stop(&b);
}

static void destroy_removes_all(void **state)
{
	(void)state;
	struct guest g;
	struct error err = ERROR_INIT;
	char name[VETH_NAME_MAX];
	assert_int_equal(network_init(&fx.inst, &err), 0);
	guest_start(&g, "last");
	veth_name(&fx.inst, g.addr, name);
	assert_int_not_equal(if_nametoindex(name), 0);
	assert_int_equal(network_destroy(&fx.inst, &err), 0);
	assert_int_equal(if_nametoindex(name), 0);
	assert_int_equal(network_destroy(&fx.inst, &err), 0);
	guest_stop(&g);
}

static void resolv_conf(void **state)
{
	(void)state;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	resolvers_conf(0x0ac90001, &text);
	/* one, or programs would ask strangers for the names of apps */
	assert_true(str_starts(text.data, "nameserver 10.201.0.1\n"));
	assert_null(strstr(text.data + 1, "nameserver"));
	strbuf_reset(&text);
	resolvers_conf(0, &text);
	assert_null(strstr(text.data, "nameserver"));
}

static int set_up(void **state)
{
	(void)state;
	/* what the test changes is gone with this namespace */
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	/* loopback up, and an outside address for the host */
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	if (ioctl(fd, SIOCSIFFLAGS, &up) < 0)
		return -1;
	struct ifreq addr = {.ifr_name = "lo:1"};
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr = {htonl(0xc6336401)}};
	memcpy(&addr.ifr_addr, &sin, sizeof(sin));
	if (ioctl(fd, SIOCSIFADDR, &addr) < 0)
		return -1;
	close(fd);
	return fixture_open(&fx);
}

static int tear_down(void **state)
{
	(void)state;
	return fixture_close(&fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_twice),          cmocka_unit_test(addresses),
		cmocka_unit_test(many_addresses),      cmocka_unit_test(host_and_guest),
		cmocka_unit_test(egress_and_spoofing), cmocka_unit_test(reuse_at_once),
		cmocka_unit_test(linked_apps),         cmocka_unit_test(egress_policy),
		cmocka_unit_test(ipv6_of_containers),  cmocka_unit_test(machines_without_ipv6),
		cmocka_unit_test(destroy_removes_all), cmocka_unit_test(resolv_conf),
	};
	return cmocka_run_group_tests_name("network", tests, set_up, tear_down);
}
