/* SPDX-License-Identifier: MIT */
#include "runtime/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/sock.h"

/* Device 5:2, whatever an image put there. */
static int open_ptmx(int dirfd, const char *path)
{
	struct stat st;
	int fd = file_resolve(dirfd, path, O_RDWR | O_NOCTTY, 0,
			      RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2)) {
		errno = ENOTTY;
		return close_fd(fd);
	}
	return fd;
}

int terminal_open(int dirfd, const char *path, uid_t uid, int *out_master, int *out_slave)
{
	_cleanup_close_ int master = open_ptmx(dirfd, path), slave = -1;
	int unlock = 0;

	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return -1;
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || fchown(slave, uid, (gid_t)-1) < 0)
		return -1;
	*out_master = TAKE_FD(master);
	*out_slave = TAKE_FD(slave);
	return 0;
}

int terminal_pass(int sock, const char *data, size_t len, int fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char *bytes = (char *)(uintptr_t)data;
	struct iovec iov = {bytes, len};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};

	memset(&control, 0, sizeof(control));
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(int));
	return sendmsg(sock, &msg, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -1;
}

int terminal_take(int sock)
{
	char byte;
	int fds[SOCK_MAX_FDS];
	size_t n = 0;

	if (sock_recv(sock, &byte, 1, fds, &n, NULL) != 1 || n < 1)
		return -1;
	for (size_t i = 1; i < n; i++)
		close(fds[i]);
	return fds[0];
}
