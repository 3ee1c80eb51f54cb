/* SPDX-License-Identifier: MIT */
#include "target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe.h"

struct target {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
	socklen_t len;
};

static bool parse(const char *text, struct target *out)
{
	char addr[64];
	const char *colon = strrchr(text, ':');
	if (!colon || (size_t)(colon - text) >= sizeof(addr))
		return false;
	memcpy(addr, text, (size_t)(colon - text));
	addr[colon - text] = '\0';
	memset(out, 0, sizeof(*out));
	uint16_t port = htons((uint16_t)strtol(colon + 1, NULL, 10));
	if (*addr == '[') {
		addr[strcspn(addr, "]")] = '\0';
		out->in6.sin6_family = AF_INET6;
		out->in6.sin6_port = port;
		out->len = sizeof(out->in6);
		if (inet_pton(AF_INET6, addr + 1, &out->in6.sin6_addr) != 1)
			return false;
		if (IN6_IS_ADDR_LINKLOCAL(&out->in6.sin6_addr) ||
		    IN6_IS_ADDR_MULTICAST(&out->in6.sin6_addr))
			out->in6.sin6_scope_id = if_nametoindex("eth0");
		return true;
	}
	out->in.sin_family = AF_INET;
	out->in.sin_port = port;
	out->len = sizeof(out->in);
	return inet_pton(AF_INET, addr, &out->in.sin_addr) == 1;
}

const char *target_reach(const char *target)
{
	struct target to;
	int e = 0;
	socklen_t len = sizeof(e);
	if (!parse(target, &to))
		return "bad-target";
	int fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return answer(-1);
	if (connect(fd, &to.any, to.len) < 0 && errno != EINPROGRESS)
		return answer(-1);
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	/* the first is sent again after 1 s and 3 s: one packet that is lost says nothing */
	if (poll(&p, 1, 4000) <= 0)
		return "timeout";
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len);
	close(fd);
	return e ? strerrorname_np(e) : "connected";
}

int target_send(const char *source, const char *target)
{
	struct target from, to;
	char with_port[80];
	int one = 1;
	snprintf(with_port, sizeof(with_port), "%s:0", source);
	if (!parse(with_port, &from) || !parse(target, &to))
		return 2;
	int fd = socket(to.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, IPPROTO_IP, 15 /* IP_FREEBIND */, &one, sizeof(one));
	setsockopt(fd, IPPROTO_IPV6, 78 /* IPV6_FREEBIND */, &one, sizeof(one));
	int bound = bind(fd, &from.any, from.len);
	printf("udp bind %s %s\n", source, answer(bound));
	if (bound == 0)
		printf("udp send %s %s\n", target,
		       answer(sendto(fd, "spoof", 5, 0, &to.any, to.len)));
	return 0;
}

int target_listen(int port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = in.sin_port};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	bool both = fd >= 0;
	if (!both)
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if ((both ? bind(fd, (struct sockaddr *)&in6, sizeof(in6))
		  : bind(fd, (struct sockaddr *)&in, sizeof(in))) < 0 ||
	    listen(fd, 16) < 0) {
		printf("listen %s\n", answer(-1));
		return 1;
	}
	for (;;) {
		int c = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (c >= 0 && write(c, "x", 1) < 0)
			return 1;
		close(c);
	}
}
