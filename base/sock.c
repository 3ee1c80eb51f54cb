/* SPDX-License-Identifier: MIT */
#include "base/sock.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

static int make_address(const char *path, struct sockaddr_un *sun, struct error *err)
{
	size_t len = strlen(path);
	if (len >= sizeof(sun->sun_path))
		return error_set(err, ERROR_INVALID, 0,
				 "socket path '%s' is longer than %zu bytes: use a shorter root",
				 path, sizeof(sun->sun_path) - 1);
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	memcpy(sun->sun_path, path, len + 1);
	return 0;
}

int sock_listen(const char *path, int type, mode_t mode, uid_t uid, gid_t gid, int *out_fd,
		struct error *err)
{
	struct sockaddr_un sun;
	if (make_address(path, &sun, err) < 0)
		return -1;
	_cleanup_close_ int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "socket");
	if (unlink(path) < 0 && errno != ENOENT)
		return error_set(err, ERROR_SYSTEM, errno, "remove old socket '%s'", path);
	/* nobody gets in between bind and chmod: the mode starts closed */
	mode_t old = umask(0177);
	int bound = bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	int saved = errno;
	umask(old);
	if (bound < 0)
		return error_set(err, ERROR_SYSTEM, saved, "bind '%s'", path);
	if ((uid != (uid_t)-1 || gid != (gid_t)-1) && lchown(path, uid, gid) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "chown '%s'", path);
	if (listen(fd, 512) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "listen on '%s'", path);
	if (chmod(path, mode) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "chmod '%s'", path);
	*out_fd = TAKE_FD(fd);
	return 0;
}

int sock_connect(const char *path, int type, int *out_fd, struct error *err)
{
	struct sockaddr_un sun;
	if (make_address(path, &sun, err) < 0)
		return -1;
	_cleanup_close_ int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "socket");
	while (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0) {
		if (errno == EINTR)
			continue;
		bool absent = errno == ENOENT || errno == ECONNREFUSED;
		return error_set(err, absent ? ERROR_NOT_FOUND : ERROR_SYSTEM, errno,
				 "connect to '%s'", path);
	}
	*out_fd = TAKE_FD(fd);
	return 0;
}

int sock_send(int fd, const void *data, size_t len, const int *fds, size_t nfds, struct error *err)
{
	char control[CMSG_SPACE(SOCK_MAX_FDS * sizeof(int))] = {0};
	const char *p = data;
	if (nfds > SOCK_MAX_FDS)
		return error_set(err, ERROR_INVALID, 0, "too many descriptors");
	while (len > 0) {
		/* the kernel only reads the bytes; iovec has no const form */
		struct iovec iov = {.iov_base = (void *)(uintptr_t)p, .iov_len = len};
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
		if (nfds > 0) {
			msg.msg_control = control;
			msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
			struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
			c->cmsg_level = SOL_SOCKET;
			c->cmsg_type = SCM_RIGHTS;
			c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
			memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
		}
		ssize_t n = sendmsg(fd, &msg, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, ERROR_SYSTEM, errno, "send");
		p += n;
		len -= (size_t)n;
		nfds = 0;
	}
	return 0;
}

ssize_t sock_recv(int fd, void *data, size_t len, int *fds, size_t *out_nfds, struct error *err)
{
	char control[CMSG_SPACE(SOCK_MAX_FDS * sizeof(int))];
	struct iovec iov = {.iov_base = data, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	ssize_t n;
	do {
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_set(err, ERROR_SYSTEM, errno, "receive");
	size_t count = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t got = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < got; i++) {
			int one;
			memcpy(&one, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (count < SOCK_MAX_FDS)
				fds[count++] = one;
			else
				close_fd(one);
		}
	}
	if (msg.msg_flags & MSG_CTRUNC) {
		for (size_t i = 0; i < count; i++)
			close_fd(fds[i]);
		return error_set(err, ERROR_INVALID, 0, "too many descriptors received");
	}
	*out_nfds = count;
	return n;
}

int sock_recv_all(int fd, void *data, size_t len, struct error *err)
{
	char *p = data;
	while (len > 0) {
		ssize_t n = recv(fd, p, len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, ERROR_SYSTEM, errno, "receive");
		if (n == 0)
			return error_set(err, ERROR_CANCELLED, 0,
					 "the other side closed the connection");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

bool sock_hung_up(int fd)
{
	/* no events asked for: only POLLHUP and POLLERR can come */
	struct pollfd p = {fd, 0, 0};

	return poll(&p, 1, 0) > 0;
}

int sock_peer(int fd, pid_t *out_pid, uid_t *out_uid, gid_t *out_gid, struct error *err)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "peer credentials");
	*out_pid = cred.pid;
	*out_uid = cred.uid;
	*out_gid = cred.gid;
	return 0;
}
