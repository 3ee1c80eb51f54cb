/* SPDX-License-Identifier: MIT */
/*
 * berth-runtime: the one program of Berth that runs as root. It accepts connections on
 * run/runtime.sock, from root and user berth only, and serves each in a process of its own; it
 * keeps no state, so killing it loses nothing.
 *
 *   berth-runtime [--root DIR] [--teardown]
 *
 * With --teardown it removes what it keeps on the machine for this instance, and ends: the table, the
 * gateway address, interfaces, groups. For when no other one serves and all containers are stopped.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sock.h"
#include "instance/instance.h"
#include "runtime/cgroup.h"
#include "runtime/cleanup.h"
#include "runtime/network.h"
#include "runtime/seccomp.h"
#include "runtime/server.h"

static void become_server(const struct instance *inst, int conn, char *title, size_t title_len)
	__attribute__((noreturn));
static void become_server(const struct instance *inst, int conn, char *title, size_t title_len)
{
	sigset_t none;

	/* ps shows what it is from now on; the word fits in the old argv */
	memset(title, 0, title_len);
	snprintf(title, title_len, "berth-shim");
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(conn, 3) < 0 || close_range(4, ~0u, 0) < 0 || fcntl(3, F_SETFD, FD_CLOEXEC) < 0)
		_exit(1);
	_exit(server_main(inst, 3));
}

static int accept_one(const struct instance *inst, int listener, char *title, size_t title_len)
{
	_cleanup_close_ int conn = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct error err = ERROR_INIT;
	uid_t uid;
	gid_t gid;
	pid_t pid;

	if (conn < 0)
		return -1;
	if (sock_peer(conn, &pid, &uid, &gid, &err) < 0 || (uid != 0 && uid != inst->uid)) {
		log_warning("refused a connection of user %d", (int)uid);
		return 0;
	}
	pid = fork();
	if (pid == 0)
		become_server(inst, TAKE_FD(conn), title, title_len);
	if (pid < 0)
		log_error("fork: %s", strerror(errno));
	return 0;
}

static int run(const struct instance *inst, char *title, size_t title_len, struct error *err)
{
	_cleanup_free_ char *path = instance_run(inst, "runtime.sock");
	_cleanup_close_ int listener = -1, signals = -1;
	sigset_t set;

	if (server_prepare(inst, err) < 0 || seccomp_init_filters(err) < 0 ||
	    cgroup_init(inst, err) < 0 || network_init(inst, err) < 0)
		return -1;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		return error_set(err, ERROR_SYSTEM, errno, "signalfd");
	if (sock_listen(path, SOCK_STREAM, 0660, 0, inst->gid, &listener, err) < 0)
		return -1;
	log_info("ready");
	for (;;) {
		struct pollfd fds[] = {{listener, POLLIN, 0}, {signals, POLLIN, 0}};
		struct signalfd_siginfo info;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return error_set(err, ERROR_SYSTEM, errno, "poll");
		while (read(signals, &info, sizeof(info)) == sizeof(info)) {
			/* Containers go on: their shims are processes of their own. */
			if (info.ssi_signo != SIGCHLD)
				return 0;
		}
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (fds[0].revents)
			accept_one(inst, listener, title, title_len);
	}
}

static int tear_down(const struct instance *inst, struct error *err)
{
	static const struct strvec nobody = STRVEC_INIT;
	_cleanup_strvec_ struct strvec found = STRVEC_INIT;

	if (cgroup_init(inst, err) < 0 || cleanup_run(inst, &nobody, false, &found, err) < 0 ||
	    network_destroy(inst, err) < 0)
		return -1;
	for (unsigned i = 0; *cgroup_root(i); i++)
		if (rmdir(cgroup_root(i)) < 0 && errno != ENOENT)
			return error_set(err, ERROR_SYSTEM, errno, "remove '%s'", cgroup_root(i));
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_instance_ struct instance inst = {.root = NULL};
	struct error err = ERROR_INIT;
	const char *root = NULL;
	bool teardown = false;
	size_t title_len;

	log_open("berth-runtime");
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--root") && i + 1 < argc) {
			root = argv[++i];
		} else if (!strcmp(argv[i], "--teardown")) {
			teardown = true;
		} else {
			log_error("usage: berth-runtime [--root DIR] [--teardown]");
			return 2;
		}
	}
	/* Not dumpable: neither this process nor a fork of it is ever readable by another user. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	title_len = (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) - argv[0]);
	if (instance_open(&inst, root, &err) < 0 ||
	    (teardown ? tear_down(&inst, &err) : run(&inst, argv[0], title_len, &err)) < 0) {
		log_error("%s", err.message);
		return error_exit_status(err.code);
	}
	return 0;
}
