/* SPDX-License-Identifier: MIT */
/*
 * Guests of an instance's network, for the unit tests of it: the test plays the host, in a
 * namespace of its own, and each guest a container, which says what it reaches. Include it after
 * cmocka.h.
 */
#ifndef TESTS_UNIT_RUNTIME_GUEST_H
#define TESTS_UNIT_RUNTIME_GUEST_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "instance/ula.h"
#include "runtime/eth0.h"
#include "runtime/forwarding.h"
#include "runtime/network.h"
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
static inline socklen_t put_place(union place *out, bool ipv6, uint32_t addr, uint16_t port)
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
static inline int listen_on(uint16_t port)
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
static inline int try_reach(const struct question *q)
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

static inline void guest_main(int sock, uint32_t addr, uint32_t gateway, bool ipv6)
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
static inline void guest_start_at(struct guest *g, const char *id, uint32_t fixed, bool ipv6)
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

static inline void guest_start(struct guest *g, const char *id)
{
	guest_start_at(g, id, 0, false);
}

static inline void guest_stop(struct guest *g)
{
	struct error err = ERROR_INIT;
	close(g->sock);
	kill(g->pid, SIGKILL);
	waitpid(g->pid, NULL, 0);
	assert_int_equal(network_release(&fx.inst, g->addr, &err), 0);
}

static inline int ask_question(struct guest *g, const struct question *q)
{
	int result = -1;
	assert_int_equal(write(g->sock, q, sizeof(*q)), sizeof(*q));
	assert_int_equal(read(g->sock, &result, sizeof(result)), sizeof(result));
	return result;
}

static inline int ask(struct guest *g, int type, uint32_t from, uint32_t to, uint16_t port)
{
	struct question q = {type, from, to, port, false};
	return ask_question(g, &q);
}

static inline int ask6(struct guest *g, int type, uint32_t from, uint32_t to, uint16_t port)
{
	struct question q = {type, from, to, port, true};
	return ask_question(g, &q);
}

static inline int reach_from_here(uint32_t to, uint16_t port, bool ipv6)
{
	struct question q = {SOCK_STREAM, 0, to, port, ipv6};
	return try_reach(&q);
}

/* Replaces the policy by one that has the pair FROM, TO (0: none) and, with BITS not 0, closes app
 * FROM but for a rule. */
static inline void set_policy(uint32_t from, uint32_t to, uint32_t addr, uint32_t bits,
			      uint32_t port)
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

static inline void guest_start_of(struct guest *g, const char *id, unsigned range)
{
	struct error err = ERROR_INIT;
	uint32_t addr;
	bool ipv6 = range && forwarding_has_ipv6();
	assert_int_equal(network_allocate(&fx.inst, id, range, ipv6, &addr, &err), 0);
	guest_start_at(g, id, addr, ipv6);
}

/* The host: loopback up, and 198.51.100.1 for an address outside. */
static inline int guests_open(void **state)
{
	(void)state;
	/* what the test changes is gone with this namespace */
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
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

static inline int guests_close(void **state)
{
	(void)state;
	return fixture_close(&fx);
}

#endif
