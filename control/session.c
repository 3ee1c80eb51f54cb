/* SPDX-License-Identifier: MIT */
#include "control/session.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/colour.h"
#include "base/log.h"
#include "base/sock.h"
#include "control/answer.h"
#include "control/build.h"
#include "control/command.h"
#include "control/strain.h"
#include "control/watch.h"
#include "instance/call.h"

#define REQUEST_TIMEOUT_S 30
#define STRANGER_TIMEOUT_S 2 /* to ask, and to be told that it may not */
#define STOP_TIMEOUT_S 15

bool session_may_ask(const struct instance *inst, int fd, uid_t *out_uid)
{
	pid_t pid;
	gid_t gid;
	if (sock_peer(fd, &pid, out_uid, &gid, NULL) < 0)
		return false;
	return *out_uid == 0 || *out_uid == inst->uid || *out_uid == inst->web_uid ||
	       *out_uid == inst->plugin_uid;
}

static int refuse_stranger(uid_t uid, struct error *err)
{
	const struct passwd *pw = getpwuid(uid);
	return error_set(err, ERROR_DENIED, 0,
			 "user '%s' may not manage Berth here: become root, or use ssh with "
			 "a key of 'ssh-keys:list'",
			 pw ? pw->pw_name : "unknown");
}

/* Who asks, from the peer's user id; IDENTITY is only believed from root and Berth's own users, but
 * not from plugins. */
static enum context_role recognise(const struct instance *inst, uid_t uid, char **identity)
{
	if (uid == inst->plugin_uid || !**identity) {
		free(*identity);
		*identity = xstrdup(uid == 0                  ? "root"
				    : uid == inst->plugin_uid ? "plugin"
							      : inst->user);
	}
	return uid == inst->web_uid ? ROLE_API : ROLE_ADMIN;
}

/* What the handlers need; there is one session in this process. */
static struct {
	int fd, nudge_fd;
	bool repair; /* the command changes something: when it is cut short, somebody must look */
} session = {-1, -1, false};

static void answer_and_leave(int status) __attribute__((noreturn));

/* Async-signal-safe, as is all that the handlers call. */
static void answer_and_leave(int status)
{
	watch_nudge(session.nudge_fd, session.repair && status > 128);
	(void)call_answer(session.fd, status, NULL);
	_exit(status);
}

/* A cancelled command leaves at once: what it held is dropped by the kernel, what it had started is
 * surplus that the watcher removes. */
static void on_cancel(int sig)
{
	static const char plain[] = " !     Cancelled\n";
	static const char red[] = "\033[31m !     Cancelled\033[0m\n";
	const char *text = colour_on(STDERR_FILENO) ? red : plain;
	if (!build_cut_short() && write(STDERR_FILENO, text, strlen(text)) < 0)
		answer_and_leave(128 + sig);
	answer_and_leave(128 + sig);
}

/* Something came from the client: its signals become ours. A client that went away is a hang-up,
 * and a command that has its own way to end after that gets STOP_TIMEOUT_S for it. */
static void on_client(int sig)
{
	struct call_event event;
	int saved = errno;
	ssize_t got;
	(void)sig;
	while ((got = recv(session.fd, &event, sizeof(event), MSG_DONTWAIT)) == sizeof(event))
		if (event.signal == SIGINT || event.signal == SIGTERM || event.signal == SIGHUP ||
		    event.signal == SIGWINCH)
			kill(getpid(), (int)event.signal);
	if (got >= 0 || (errno != EAGAIN && errno != EINTR)) {
		alarm(STOP_TIMEOUT_S);
		kill(getpid(), SIGHUP);
	}
	errno = saved;
}

static void set_signals(void)
{
	struct sigaction cancel = {.sa_handler = on_cancel}, ignore = {.sa_handler = SIG_IGN},
			 client = {.sa_handler = on_client, .sa_flags = SA_RESTART};
	/* who comes first finishes: the answer must not be sent twice */
	sigfillset(&cancel.sa_mask);
	sigfillset(&client.sa_mask);
	sigaction(SIGINT, &cancel, NULL);
	sigaction(SIGTERM, &cancel, NULL);
	sigaction(SIGHUP, &cancel, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	signal(SIGALRM, SIG_DFL);
	sigaction(SIGIO, &client, NULL);
}

/* From here on the client is listened to. What it sent, or that it left, before this is found by
 * the first look. */
static void listen_to_client(int fd)
{
	fcntl(fd, F_SETOWN, getpid());
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC);
	kill(getpid(), SIGIO);
}

static int run_command(const struct instance *inst, enum context_role role, const char *identity,
		       const struct strvec *words)
{
	struct error err = ERROR_INIT;
	_cleanup_context_ struct context c = {.role = role, .identity = identity};
	int result = context_open(&c, inst, &err);
	if (result == 0)
		result = command_run(&c, words, &err);
	if (result < 0) {
		strain_explain(inst, &err);
		answer_error(&err);
	}
	fflush(NULL);
	if (result < 0)
		return error_exit_status(err.code);
	return c.exit_status;
}

/* "--colour WHICH" in front, from a client of ours. */
static void take_colour(struct strvec *words)
{
	unsigned streams;
	if (words->n < 2 || strcmp(words->v[0], "--colour") != 0 ||
	    !colour_parse(words->v[1], &streams))
		return;
	colour_set(streams);
	strvec_remove(words, 0);
	strvec_remove(words, 0);
}

static bool only_reads(const struct strvec *words)
{
	static const char *const names[] = {"logs", "run", "enter", "help", "metrics", "releases"};
	for (size_t i = 0; words->n && i < ARRAY_SIZE(names); i++)
		if (strcmp(words->v[0], names[i]) == 0)
			return true;
	return false;
}

/* The request could not be taken: say why on the caller's stderr, if there is one. */
static void refuse(int fds[3], const struct error *err)
{
	if (fds[2] >= 0)
		dprintf(fds[2], " !     %s\n", err->message);
	else if (err->code != ERROR_CANCELLED)
		log_warning("request refused: %s", err->message);
}

static void on_alarm(int sig)
{
	(void)sig;
	_exit(1);
}

void session_serve(const struct instance *inst, int fd, int nudge_fd)
{
	struct error err = ERROR_INIT;
	struct strvec words = STRVEC_INIT;
	char *identity = NULL;
	int fds[3] = {-1, -1, -1};
	uid_t uid = (uid_t)-1;
	bool may = session_may_ask(inst, fd, &uid);
	struct sigaction give_up = {.sa_handler = on_alarm};
	/* for the request as a whole: one byte now and then is none */
	sigaction(SIGALRM, &give_up, NULL);
	alarm(may ? REQUEST_TIMEOUT_S : STRANGER_TIMEOUT_S);
	prctl(PR_SET_NAME, "berthd-session");
	if (call_receive(fd, &identity, &words, fds, &err) < 0 ||
	    (!may && refuse_stranger(uid, &err) < 0)) {
		refuse(fds, &err);
		call_answer(fd, error_exit_status(err.code), &err);
		_exit(1);
	}
	alarm(0);
	enum context_role role = recognise(inst, uid, &identity);
	for (int i = 0; i < 3; i++) {
		/* none of them is below 3: those are the daemon's own */
		dup2(fds[i], i);
		close(fds[i]);
	}
	session.fd = fd;
	session.nudge_fd = nudge_fd;
	take_colour(&words);
	session.repair = !only_reads(&words);
	set_signals();
	listen_to_client(fd);
	int status = run_command(inst, role, identity, &words);
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	/* what libraries do at exit would copy pages of the daemon for nothing, and take longer
	 * than most commands */
	answer_and_leave(status);
}
