/* SPDX-License-Identifier: MIT */
#include "base/service.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "base/strbuf.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

int service_options(int argc, char **argv, const char *name, const char **out_root)
{
	static const struct option options[] = {
		{"root", required_argument, NULL, 'r'},
		{"version", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'v') {
			printf("%s %s\n", name, BERTH_VERSION);
			return 0;
		}
		if (c != 'r')
			return 2;
		*out_root = optarg;
	}
	if (optind < argc) {
		fprintf(stderr, "usage: %s [--root DIR]\n", name);
		return 2;
	}
	return -1;
}

int service_listen(const char *path, int type, mode_t mode, uid_t uid, gid_t gid, int *out_fd,
		   struct error *err)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	unsigned long long n, want;

	if (pid && fds && str_to_u64(pid, 1, 1ull << 31, &want) == 0 &&
	    want == (unsigned long long)getpid()) {
		if (str_to_u64(fds, 1, 1, &n) < 0)
			return error_set(err, ERROR_INVALID, 0, "expected one socket from systemd");
		if (fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "the socket from systemd");
		unsetenv("LISTEN_PID");
		unsetenv("LISTEN_FDS");
		*out_fd = FIRST_FD;
		return 0;
	}
	if (geteuid() != 0) {
		uid = (uid_t)-1;
		gid = (gid_t)-1;
	}
	return sock_listen(path, type, mode, uid, gid, out_fd, err);
}

void service_notify(const char *state, const int *fds, size_t n)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	if (!path || !*path || strlen(path) >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, strlen(path));
	if (*path == '@')
		to.sun_path[0] = '\0';
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, len) == 0)
		(void)sock_send(fd, state, strlen(state), fds, n, NULL);
}

void service_ready(void)
{
	service_notify("READY=1", NULL, 0);
	unsetenv("NOTIFY_SOCKET");
}

int service_become(uid_t uid, gid_t gid, struct error *err)
{
	int death_signal = 0;

	/* a change of user clears it (prctl(2)); the keeper that asked for it still means it */
	prctl(PR_GET_PDEATHSIG, &death_signal, 0, 0, 0);
	if (geteuid() == 0) {
		if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
		    setresuid(uid, uid, uid) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "become user %u", uid);
	} else if (geteuid() != uid) {
		return error_set(err, ERROR_DENIED, 0,
				 "this runs as user %u: start it as that user "
				 "or as root",
				 uid);
	}
	if (death_signal && prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "parent death signal");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "no_new_privs");
	return 0;
}
