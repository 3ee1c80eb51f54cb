/* SPDX-License-Identifier: MIT */
/*
 * berth-runtime: the one program of Berth that runs as root. It accepts connections on
 * run/runtime.sock, from root and user berth only, and serves each in a process of its own; it
 * keeps no state, so killing it loses nothing.
 *
 *   berth-runtime [--root DIR] [--stop-all | --teardown]
 *
 * With --stop-all it stops every container of this instance, as a machine that goes down does, and
 * ends. With --teardown it removes what it keeps on the machine for this instance, and ends: the
 * table, the gateway address, interfaces, groups. For when no other one serves and all containers
 * are stopped.
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
#include "base/clock.h"
#include "base/log.h"
#include "base/service.h"
#include "base/sock.h"
#include "instance/instance.h"
#include "runtime/cgroup.h"
#include "runtime/cleanup.h"
#include "runtime/kernel.h"
#include "runtime/network.h"
#include "runtime/roster.h"
#include "runtime/seccomp.h"
#include "runtime/server.h"
#include "runtime/shim.h"
#include "runtime/spare.h"
#include "runtime/wire.h"

/* The longest that a container may take to stop, and a little. */
#define STOP_ALL_MS 90000
#define REPAIR_MS 5000

/* Two are ready, and while there is one the next is made only some milliseconds after the other was
 * taken: until then that one and its helper have work for two processors. */
#define SPARES 2
#define SPARE_DELAY_MS 6

struct ready {
	pid_t pid;
	int taken; /* readable when it is no longer spare; -1: there is none */
};

/* What a spare process needs to know. */
struct post {
	const struct instance *inst;
	int listener;
	pid_t daemon;
	int taken; /* closed when the process is no longer spare */
	char *title;
	size_t title_len;
};

static void serve(const struct post *post, int conn) __attribute__((noreturn));
static void serve(const struct post *post, int conn)
{
	close(post->listener);
	close(post->taken);
	_exit(server_main(post->inst, conn));
}

static bool is_welcome(const struct instance *inst, int conn)
{
	uid_t uid;
	gid_t gid;
	pid_t pid;

	if (sock_peer(conn, &pid, &uid, &gid, NULL) < 0)
		return false;
	if (uid == 0 || uid == inst->uid)
		return true;
	log_warning("refused a connection of user %d", (int)uid);
	return false;
}

/* The request has come and is for a new container. A client that takes its time is served by a
 * fork. */
static bool wants_container(int conn)
{
	struct pollfd p = {conn, POLLIN, 0};
	struct wire_head head;

	return poll(&p, 1, 10) == 1 &&
	       recv(conn, &head, sizeof(head), MSG_PEEK | MSG_DONTWAIT) == sizeof(head) &&
	       (head.type == WIRE_START || head.type == WIRE_ATTACH);
}

/* A shim outlives whoever reads the daemon's output. */
static void leave_stdio(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; null >= 0 && i < 3; i++)
		dup2(null, i);
	close_fd(null);
}

/* Waits for a request to start a container, with all ready that can be ready, and then becomes that
 * container's shim. Other requests go to forks of its own. */
static void spare_main(const struct post *post) __attribute__((noreturn));
static void spare_main(const struct post *post)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != post->daemon)
		_exit(1);
	prctl(PR_SET_NAME, "berth-spare", 0, 0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	cgroup_leave_unit();
	spare_warm_up();
	for (;;) {
		int conn = accept4(post->listener, NULL, NULL, SOCK_CLOEXEC);
		pid_t pid;

		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			spare_child_ended(pid);
		if (conn < 0)
			continue;
		if (!is_welcome(post->inst, conn)) {
			close(conn);
			continue;
		}
		if (wants_container(conn)) {
			/* from here on it lives for its container, whatever becomes of the daemon
			 */
			prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
			leave_stdio();
			memset(post->title, 0, post->title_len);
			snprintf(post->title, post->title_len, "berth-shim");
			serve(post, conn);
		}
		pid = fork();
		if (pid == 0) {
			prctl(PR_SET_NAME, "berth-serve", 0, 0, 0);
			spare_forget();
			serve(post, conn);
		}
		if (pid < 0)
			log_error("fork: %s", strerror(errno));
		close(conn);
	}
}

static int make_spare(struct post post, int signals, struct ready *all, struct ready *out,
		      struct error *err)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a pipe");
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		close(signals);
		for (size_t i = 0; i < SPARES; i++)
			close_fd(all[i].taken);
		post.taken = fds[1];
		spare_main(&post);
	}
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return error_set(err, ERROR_SYSTEM, errno, "fork");
	}
	*out = (struct ready){pid, fds[0]};
	return 0;
}

/* Makes those that are missing, the second not before DUE; gives when the next is due, 0: none. */
static int64_t fill_spares(const struct post *post, int signals, struct ready *all, int64_t due,
			   struct error *err)
{
	bool any = false;

	for (size_t i = 0; i < SPARES; i++)
		any |= all[i].taken >= 0;
	for (size_t i = 0; i < SPARES; i++) {
		if (all[i].taken >= 0)
			continue;
		if (any && clock_ms() < due)
			return due;
		if (make_spare(*post, signals, all, &all[i], err) < 0)
			return -1;
		any = true;
	}
	return 0;
}

static bool is_taken(const struct ready *r)
{
	struct pollfd p = {r->taken, POLLIN, 0};

	return poll(&p, 1, 0) != 0;
}

/* Ends the spares, unless they serve a container by now, and takes away what they kept ready. */
static void dismiss(struct ready *all)
{
	for (size_t i = 0; i < SPARES; i++) {
		if (all[i].taken < 0 || is_taken(&all[i]))
			continue;
		kill(all[i].pid, SIGKILL);
		while (waitpid(all[i].pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	for (int i = 0; i < 50 && cgroup_remove_spares() > 0; i++)
		clock_sleep_ms(10);
}

/* Notes those that serve a container by now; true when there is one. */
static bool release_taken(struct ready *all)
{
	bool any = false;

	for (size_t i = 0; i < SPARES; i++) {
		if (all[i].taken < 0 || !is_taken(&all[i]))
			continue;
		all[i].taken = close_fd(all[i].taken);
		any = true;
	}
	return any;
}

static void repair_network(const struct instance *inst)
{
	struct error err = ERROR_INIT;

	if (!network_is_lost(inst))
		return;
	log_warning("table 'berth-%u' is gone, as when the host's tables are flushed: it is made "
		    "again",
		    inst->number);
	if (fork() != 0)
		return;
	if (network_init(inst, &err) < 0)
		log_error("%s", err.message);
	_exit(0);
}

static int run(const struct instance *inst, char *title, size_t title_len, struct error *err)
{
	_cleanup_free_ char *path = instance_run(inst, "runtime.sock");
	_cleanup_close_ int listener = -1, signals = -1;
	struct ready spares[SPARES] = {{-1, -1}, {-1, -1}};
	struct post post;
	int64_t repair_at = 0, due = 0;
	sigset_t set;

	if (chdir("/") < 0)
		return error_set(err, ERROR_SYSTEM, errno, "enter '/'");
	/* what the machine may lack first: then nothing has been made */
	if (kernel_check(err) < 0 || seccomp_init_filters(err) < 0 || cgroup_init(inst, err) < 0 ||
	    server_prepare(inst, err) < 0 || network_init(inst, err) < 0)
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
	service_ready();
	log_info("ready");
	post = (struct post){inst, listener, getpid(), -1, title, title_len};
	for (;;) {
		struct pollfd fds[SPARES + 1] = {{signals, POLLIN, 0}};
		struct signalfd_siginfo info;

		int64_t next = fill_spares(&post, signals, spares, due, err);
		if (next < 0)
			return -1;
		for (size_t i = 0; i < SPARES; i++)
			fds[i + 1] = (struct pollfd){spares[i].taken, POLLIN, 0};
		int64_t wait = next ? next - clock_ms() : REPAIR_MS;
		if (poll(fds, ARRAY_SIZE(fds), wait < 0 ? 0 : (int)wait) < 0 && errno != EINTR)
			return error_set(err, ERROR_SYSTEM, errno, "poll");
		if (clock_ms() >= repair_at) {
			repair_network(inst);
			repair_at = clock_ms() + REPAIR_MS;
		}
		while (read(signals, &info, sizeof(info)) == sizeof(info)) {
			/* Containers go on: their shims are processes of their own. */
			if (info.ssi_signo != SIGCHLD) {
				dismiss(spares);
				return 0;
			}
		}
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (release_taken(spares))
			due = clock_ms() + SPARE_DELAY_MS;
	}
}

static enum roster_claim nobody(const struct instance *inst, const char *id)
{
	(void)inst;
	(void)id;
	return ROSTER_NOTHING;
}

static int tear_down(const struct instance *inst, struct error *err)
{
	_cleanup_strvec_ struct strvec found = STRVEC_INIT;

	if (cgroup_init(inst, err) < 0 || cleanup_run(inst, nobody, false, &found, err) < 0 ||
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
	bool teardown = false, stop_all = false;
	size_t title_len;

	/* what whoever started us left open is nothing that a shim should keep */
	close_range(3, ~0u, 0);
	log_open("berth-runtime");
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--root") && i + 1 < argc) {
			root = argv[++i];
		} else if (!strcmp(argv[i], "--teardown")) {
			teardown = true;
		} else if (!strcmp(argv[i], "--stop-all")) {
			stop_all = true;
		} else {
			log_error("usage: berth-runtime [--root DIR] [--stop-all | --teardown]");
			return 2;
		}
	}
	/* Not dumpable: neither this process nor a fork of it is ever readable by another user. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	title_len = (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) - argv[0]);
	if (instance_open(&inst, root, &err) < 0 ||
	    (stop_all   ? roster_stop_all(&inst, STOP_ALL_MS, &err)
	     : teardown ? tear_down(&inst, &err)
			: run(&inst, argv[0], title_len, &err)) < 0) {
		log_error("%s", err.message);
		return error_exit_status(err.code);
	}
	return 0;
}
