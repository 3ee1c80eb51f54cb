/* SPDX-License-Identifier: MIT */
/*
 * berthd: the control daemon (berthd(8)). It accepts connections on run/control.sock and forks a
 * session for each; a child of it watches over the containers. It holds no state of its own.
 */
#include "control/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/service.h"
#include "base/sock.h"
#include "control/build.h"
#include "control/context.h"
#include "control/dbhold.h"
#include "control/keylist.h"
#include "control/session.h"
#include "instance/call.h"
#include "plugins/store.h"
#include "receiver/export.h"
#include "receiver/hook.h"

/* Sessions beyond which users that may not ask are not even told so. */
#define STRANGERS_MAX 64

static volatile sig_atomic_t stopping;
static int sessions; /* that live */

static void on_stop(int sig)
{
	(void)sig;
	stopping = 1;
}

static int make_folders(const struct instance *inst, struct error *err)
{
	char *folders[] = {instance_run(inst, "locks"), instance_lib(inst, "stage"),
			   instance_lib(inst, "events"), instance_lib(inst, "build-logs")};
	int result = 0;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		if (result == 0)
			result = file_make_dirs(folders[i], 0750, err);
		free(folders[i]);
	}
	return result;
}

/* In a child, so that a connection to the database is never forked. */
static int prepare_state(const struct instance *inst)
{
	struct error err = ERROR_INIT;
	pid_t pid = fork();
	if (pid == 0) {
		struct context c = {.identity = "berthd"};
		if (context_open(&c, inst, &err) < 0) {
			log_error("%s", err.message);
			_exit(1);
		}
		if (db_begin(&c.db, &err) < 0 || keylist_write(&c, &err) < 0 ||
		    db_commit(&c.db, &err) < 0)
			log_error("the keys that are let in: %s", err.message);
		if (build_reap(&c, &err) < 0)
			log_error("builds: %s", err.message);
		context_close(&c);
		_exit(0);
	}
	int status = 1;
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0 ? 0 : -1;
}

static int prepare(const struct instance *inst, struct error *err)
{
	umask(0027);
	if (geteuid() != inst->uid)
		return error_set(err, ERROR_DENIED, 0,
				 "berthd runs as user '%s': start it with 'berth server start' or "
				 "systemd",
				 inst->user);
	if (make_folders(inst, err) < 0 || hook_install(inst, err) < 0)
		return -1;
	if (plugin_store_refresh(inst, err) < 0)
		return -1;
	_cleanup_strvec_ struct strvec swept = STRVEC_INIT;
	if (export_sweep(inst, false, &swept, err) < 0)
		return -1;
	if (prepare_state(inst) < 0)
		return error_set(err, ERROR_FAILED, 0, "the state cannot be opened");
	return 0;
}

static pid_t start_watch(const struct instance *inst, int listener, const int nudge[2])
{
	pid_t pid = fork();
	if (pid == 0) {
		close(listener);
		close(nudge[1]);
		signal(SIGTERM, SIG_DFL);
		signal(SIGINT, SIG_DFL);
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		watch_run(inst, nudge[0]);
	}
	return pid;
}

/* Reaps sessions; a watcher that died is started again. */
static void reap(const struct instance *inst, int listener, const int nudge[2], pid_t *watcher)
{
	pid_t pid;
	int status;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		/* a session that was killed could not say so */
		if (pid != *watcher && WIFSIGNALED(status))
			watch_nudge(nudge[1], true);
		sessions -= pid != *watcher;
		if (pid != *watcher)
			continue;
		log_error("the watcher ended; starting it again");
		clock_sleep_ms(500);
		*watcher = start_watch(inst, listener, nudge);
	}
}

static void serve(const struct instance *inst, int listener, const int nudge[2])
{
	pid_t watcher = start_watch(inst, listener, nudge);
	while (!stopping) {
		struct pollfd p = {.fd = listener, .events = POLLIN};
		int n = poll(&p, 1, 10000);
		reap(inst, listener, nudge, &watcher);
		if (n <= 0)
			continue;
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		uid_t uid;
		if (sessions >= STRANGERS_MAX && !session_may_ask(inst, fd, &uid)) {
			close(fd);
			continue;
		}
		pid_t pid = fork();
		if (pid == 0) {
			struct sigaction dfl = {.sa_handler = SIG_DFL};
			sigaction(SIGCHLD, &dfl, NULL);
			sigaction(SIGTERM, &dfl, NULL);
			sigaction(SIGINT, &dfl, NULL);
			close(listener);
			close(nudge[0]);
			session_serve(inst, fd, nudge[1]);
		}
		sessions += pid > 0;
		if (pid < 0) {
			log_error("no process for a command: %s", strerror(errno));
			(void)call_answer(fd, CALL_NO_PROCESS, NULL);
		}
		close(fd);
	}
}

static void on_child(int sig)
{
	(void)sig; /* only to wake poll */
}

int main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	_cleanup_instance_ struct instance inst = {0};
	const char *root = argc == 3 && strcmp(argv[1], "--root") == 0 ? argv[2] : NULL;
	log_open("berthd");
	if (argc != 1 && !root) {
		fprintf(stderr, "usage: berthd [--root DIR]\n");
		return 2;
	}
	struct dbhold hold = DBHOLD_INIT;
	int nudge[2], listener = -1;
	if (instance_open(&inst, root, &err) < 0 || prepare(&inst, &err) < 0) {
		log_error("%s", err.message);
		return 1;
	}
	if (dbhold_take(&hold, &inst, &err) < 0)
		log_error("%s: commands are slower without", err.message);
	_cleanup_free_ char *path = instance_run(&inst, "control.sock");
	if (pipe2(nudge, O_CLOEXEC | O_NONBLOCK) < 0)
		error_set(&err, ERROR_SYSTEM, errno, "pipe");
	/* open to all: who may ask is decided by the peer's user id */
	else if (sock_listen(path, SOCK_STREAM, 0666, (uid_t)-1, (gid_t)-1, &listener, &err) == 0)
		fcntl(listener, F_SETFL, O_NONBLOCK);
	if (listener < 0) {
		log_error("%s", err.message);
		return 1;
	}
	struct sigaction stop = {.sa_handler = on_stop}, child = {.sa_handler = on_child},
			 ignore = {.sa_handler = SIG_IGN};
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGCHLD, &child, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	fcntl(nudge[0], F_SETFL, 0); /* the watcher polls it; only writers must not wait */
	log_info("berthd %s serves '%s'", BERTH_VERSION, path);
	service_ready();
	serve(&inst, listener, nudge);
	close(listener);
	unlink(path);
	dbhold_release(&hold, &inst);
	return 0;
}
