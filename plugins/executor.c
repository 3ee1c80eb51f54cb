/* SPDX-License-Identifier: MIT */
#include "plugins/executor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sock.h"
#include "plugins/request.h"
#include "plugins/runner.h"

#define RECEIVE_SECONDS 5 /* for a request to arrive whole */

struct executor {
	const struct instance *inst;
	int listen_fd;
	int signals;
	pid_t running[EXECUTOR_MAX_RUNNING]; /* 0: free */
};

static void answer_error(int fd, const struct error *e)
{
	struct request_answer answer = {.code = e->code};

	snprintf(answer.message, sizeof(answer.message), "%.243s", e->message);
	/* a client that went away needs no answer */
	sock_send(fd, &answer, sizeof(answer), NULL, 0, NULL);
}

static int check_peer(const struct executor *x, int fd, struct error *err)
{
	uid_t uid;
	gid_t gid;
	pid_t pid;

	if (sock_peer(fd, &pid, &uid, &gid, err) < 0)
		return -1;
	if (uid != 0 && uid != x->inst->uid)
		return error_set(err, ERROR_DENIED, 0, "user %u may not run plugins", uid);
	return 0;
}

static int serve_one(const struct executor *x, int fd, struct error *err)
{
	_cleanup_request_ struct request r;
	struct timeval patience = {.tv_sec = RECEIVE_SECONDS};
	struct request_answer answer = {0};
	int fds[3], ret;

	request_init(&r);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "set timeout");
	if (request_receive(fd, &r, fds, err) < 0)
		return -1;
	ret = runner_run(x->inst, &r, fds, fd, &answer, err);
	if (ret < 0 && err->code != ERROR_CANCELLED)
		log_warning("plugin '%s': '%s': %s", r.plugin, r.entry, err->message);
	for (size_t i = 0; i < 3; i++)
		close_fd(fds[i]);
	return ret < 0 ? -1 : sock_send(fd, &answer, sizeof(answer), NULL, 0, err);
}

/* The forked process of one request. Its SIGTERM comes from the daemon's end too. */
__attribute__((noreturn)) static void serve_in_child(struct executor *x, int fd)
{
	struct error err = ERROR_INIT;
	sigset_t none;

	close_fd(x->listen_fd);
	close_fd(x->signals);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (serve_one(x, fd, &err) < 0)
		answer_error(fd, &err);
	_exit(0);
}

static void accept_one(struct executor *x)
{
	_cleanup_close_ int fd = accept4(x->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	struct error err = ERROR_INIT;
	pid_t *slot = NULL;

	if (fd < 0)
		return;
	for (size_t i = 0; i < EXECUTOR_MAX_RUNNING && !slot; i++)
		if (x->running[i] == 0)
			slot = &x->running[i];
	if (check_peer(x, fd, &err) < 0) {
		log_warning("%s", err.message);
		answer_error(fd, &err);
		return;
	}
	if (!slot)
		error_set(&err, ERROR_BUSY, 0, "%d plugins are running already: try again later",
			  EXECUTOR_MAX_RUNNING);
	else {
		pid_t pid = fork();

		if (pid == 0)
			serve_in_child(x, fd);
		if (pid > 0) {
			*slot = pid;
			return;
		}
		error_set(&err, ERROR_SYSTEM, errno, "fork");
	}
	answer_error(fd, &err);
}

static void reap(struct executor *x)
{
	for (;;) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid <= 0)
			return;
		for (size_t i = 0; i < EXECUTOR_MAX_RUNNING; i++)
			if (x->running[i] == pid)
				x->running[i] = 0;
	}
}

/* Gives whether to go on. */
static bool on_signal(struct executor *x)
{
	struct signalfd_siginfo info;

	if (read(x->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return true;
	reap(x);
	return info.ssi_signo == SIGCHLD;
}

static int open_signals(int *out_fd, struct error *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "block signals");
	*out_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (*out_fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "signalfd");
	return 0;
}

int executor_serve(const struct instance *inst, int listen_fd, struct error *err)
{
	_cleanup_close_ int signals = -1;
	struct executor x = {.inst = inst, .listen_fd = listen_fd};

	if (open_signals(&signals, err) < 0)
		return -1;
	x.signals = signals;
	for (;;) {
		struct pollfd p[] = {
			{.fd = listen_fd, .events = POLLIN},
			{.fd = signals, .events = POLLIN},
		};

		if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
			return error_set(err, ERROR_SYSTEM, errno, "poll");
		if (p[1].revents && !on_signal(&x))
			break;
		if (p[0].revents)
			accept_one(&x);
	}
	for (size_t i = 0; i < EXECUTOR_MAX_RUNNING; i++)
		if (x.running[i])
			kill(x.running[i], SIGTERM);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	return 0;
}
