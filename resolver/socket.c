/* SPDX-License-Identifier: MIT */
#include "resolver/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/service.h"
#include "base/strbuf.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */
#define BACKLOG 64

static int open_one(uint32_t addr, int type, int *out_fd)
{
	int one = 1;
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons(INSTANCE_DNS_PORT),
		.sin_addr.s_addr = htonl(addr),
	};
	_cleanup_close_ int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one)) < 0)
		return -1;
	if (type == SOCK_STREAM && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, BACKLOG) < 0))
		return -1;
	*out_fd = TAKE_FD(fd);
	return 0;
}

int socket_open(const struct instance *inst, int out[SOCKET_COUNT], struct error *err)
{
	_cleanup_close_ int udp = -1;
	_cleanup_close_ int tcp = -1;
	uint32_t subnet;
	if (instance_subnet(inst, &subnet, err) < 0)
		return -1;
	if (open_one(subnet + 1, SOCK_DGRAM, &udp) < 0 ||
	    open_one(subnet + 1, SOCK_STREAM, &tcp) < 0)
		return error_set(err, ERROR_SYSTEM, errno,
				 "listen at port %d of the gateway address for containers' names",
				 INSTANCE_DNS_PORT);
	out[0] = TAKE_FD(udp);
	out[1] = TAKE_FD(tcp);
	return 0;
}

/* The two in whatever order, O_CLOEXEC and non-blocking again. */
static int take(const int fds[SOCKET_COUNT], int out[SOCKET_COUNT], struct error *err)
{
	int found[SOCKET_COUNT] = {-1, -1};
	for (size_t i = 0; i < SOCKET_COUNT; i++) {
		int type;
		socklen_t len = sizeof(type);
		if (getsockopt(fds[i], SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
		    fcntl(fds[i], F_SETFD, FD_CLOEXEC) < 0 ||
		    fcntl(fds[i], F_SETFL, O_RDWR | O_NONBLOCK) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "passed socket %d", fds[i]);
		found[type == SOCK_STREAM] = fds[i];
	}
	if (found[0] < 0 || found[1] < 0)
		return error_set(err, ERROR_INVALID, 0, "the passed sockets are not UDP and TCP");
	memcpy(out, found, sizeof(found));
	return 0;
}

int socket_take(const struct instance *inst, int out[SOCKET_COUNT], struct error *err)
{
	const char *passed = getenv(SOCKET_ENV), *pid = getenv("LISTEN_PID"),
		   *count = getenv("LISTEN_FDS");
	unsigned long long n, whose;
	int fds[SOCKET_COUNT] = {FIRST_FD, FIRST_FD + 1};
	if (passed && sscanf(passed, "%d;%d;", &fds[0], &fds[1]) == SOCKET_COUNT)
		return take(fds, out, err);
	if (pid && count && str_to_u64(pid, 1, 1ull << 31, &whose) == 0 &&
	    whose == (unsigned long long)getpid() &&
	    str_to_u64(count, SOCKET_COUNT, SOCKET_COUNT, &n) == 0)
		return take(fds, out, err);
	if (socket_open(inst, out, err) < 0)
		return -1;
	/* systemd gives the copies back at the next start; without it questions are lost while this
	 * is restarted, and asked again */
	service_notify("FDSTORE=1\nFDNAME=resolver", out, SOCKET_COUNT);
	return 0;
}
