/* SPDX-License-Identifier: MIT */
#include "instance/call.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "base/strbuf.h"

int call_open(const struct instance *inst, const char *identity, const struct strvec *argv,
	      const int fds[3], int *out_fd, struct error *err)
{
	_cleanup_strbuf_ struct strbuf body = STRBUF_INIT;
	_cleanup_free_ char *path = instance_run(inst, "control.sock");
	_cleanup_close_ int fd = -1;
	strbuf_add(&body, identity, strlen(identity) + 1);
	for (size_t i = 0; i < argv->n; i++)
		strbuf_add(&body, argv->v[i], strlen(argv->v[i]) + 1);
	if (argv->n > CALL_MAX_ARGS || body.len > CALL_MAX_BYTES)
		return error_set(err, ERROR_INVALID, 0,
				 "the command is too long: at most %d words and %u bytes",
				 CALL_MAX_ARGS, CALL_MAX_BYTES);
	if (sock_connect(path, SOCK_STREAM, &fd, err) < 0) {
		if (err && err->code == ERROR_NOT_FOUND)
			return error_set(err, ERROR_NOT_FOUND, 0,
					 "berth is not running here: start it with 'berth server "
					 "start' or 'systemctl start berth'");
		return -1;
	}
	struct call_head head = {CALL_MAGIC, CALL_VERSION, (uint16_t)argv->n, (uint32_t)body.len};
	struct error sent = ERROR_INIT;
	if (sock_send(fd, &head, sizeof(head), fds, 3, &sent) < 0 ||
	    sock_send(fd, body.data, body.len, NULL, 0, &sent) < 0) {
		/* who is refused may be told so, and cut off, before all was sent: call_wait gets
		 * the answer */
		if (sent.sys != EPIPE) {
			*err = sent;
			return error_wrap(err, "ask berthd");
		}
	}
	*out_fd = TAKE_FD(fd);
	return 0;
}

int call_signal(int fd, int sig, struct error *err)
{
	struct call_event event = {(uint32_t)sig};
	return sock_send(fd, &event, sizeof(event), NULL, 0, err);
}

int call_wait(int fd, int *out_status, struct error *err)
{
	struct call_exit answer;
	if (sock_recv_all(fd, &answer, sizeof(answer), err) < 0)
		return error_set(err, ERROR_FAILED, 0,
				 "the command was killed; what it left half done is put right");
	if (answer.status == CALL_NO_PROCESS)
		return error_set(err, ERROR_SYSTEM, 0,
				 "berthd could start no process for the command: " CALL_NO_ROOM);
	*out_status = (int)(answer.status & 0xff);
	return 0;
}

/* Until the answer arrives: passes signals on; a hang-up closes the session, which cancels. */
static int converse(int fd, int signals, int hangup_fd, struct error *err)
{
	for (;;) {
		struct pollfd p[] = {
			{.fd = fd, .events = POLLIN},
			{.fd = signals, .events = POLLIN},
			/* no events asked for: only POLLHUP and POLLERR can come */
			{.fd = hangup_fd, .events = 0},
		};
		if (poll(p, 3, -1) < 0) {
			if (errno == EINTR)
				continue;
			return error_set(err, ERROR_SYSTEM, errno, "poll");
		}
		if (p[0].revents)
			return 0;
		if (p[1].revents) {
			struct signalfd_siginfo info;
			if (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info) &&
			    call_signal(fd, (int)info.ssi_signo, err) < 0)
				return -1;
		}
		if (p[2].revents)
			return error_set(err, ERROR_CANCELLED, 0, "the client went away");
	}
}

int call_run(const struct instance *inst, const char *identity, const struct strvec *argv,
	     const int fds[3], int hangup_fd, int *out_status, struct error *err)
{
	sigset_t set, old;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGWINCH);
	/* SIGWINCH is thrown away by default unless it is blocked before it comes */
	sigprocmask(SIG_BLOCK, &set, &old);
	_cleanup_close_ int signals = signalfd(-1, &set, SFD_CLOEXEC);
	_cleanup_close_ int fd = -1;
	int result = -1;
	if (signals < 0)
		error_set(err, ERROR_SYSTEM, errno, "signalfd");
	else if (call_open(inst, identity, argv, fds, &fd, err) == 0 &&
		 converse(fd, signals, hangup_fd, err) == 0)
		result = call_wait(fd, out_status, err);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return result;
}

static int split_body(const char *body, size_t len, unsigned argc, char **out_identity,
		      struct strvec *argv, struct error *err)
{
	const char *p = body, *end = body + len;
	if (len == 0 || end[-1] != '\0')
		return error_set(err, ERROR_INVALID, 0, "malformed request");
	_cleanup_free_ char *identity = xstrdup(p);
	for (p += strlen(p) + 1; p < end; p += strlen(p) + 1)
		strvec_push(argv, p);
	if (argv->n != argc)
		return error_set(err, ERROR_INVALID, 0, "malformed request");
	*out_identity = TAKE_PTR(identity);
	return 0;
}

int call_receive(int fd, char **out_identity, struct strvec *argv, int out_fds[3],
		 struct error *err)
{
	struct call_head head;
	int fds[SOCK_MAX_FDS];
	size_t nfds = 0;
	ssize_t n = sock_recv(fd, &head, sizeof(head), fds, &nfds, err);
	if (n < 0)
		return -1;
	/* somebody only looked whether this answers */
	if (n == 0)
		return error_set(err, ERROR_CANCELLED, 0, "no request came");
	_cleanup_strbuf_ struct strbuf body = STRBUF_INIT;
	int result = -1;
	if (n != (ssize_t)sizeof(head) || nfds != 3 || head.magic != CALL_MAGIC)
		error_set(err, ERROR_INVALID, 0, "malformed request");
	else if (head.version != CALL_VERSION)
		error_set(err, ERROR_INVALID, 0,
			  "this berth client speaks version %u, berthd version %d: restart berth",
			  head.version, CALL_VERSION);
	else if (head.bytes > CALL_MAX_BYTES || head.argc > CALL_MAX_ARGS)
		error_set(err, ERROR_INVALID, 0, "the request is too long");
	else if (sock_recv_all(fd, strbuf_grow(&body, head.bytes), head.bytes, err) == 0) {
		strbuf_grown(&body, head.bytes);
		result = split_body(body.data, body.len, head.argc, out_identity, argv, err);
	}
	for (size_t i = 0; i < nfds; i++) {
		if (result == 0)
			out_fds[i] = fds[i];
		else
			close_fd(fds[i]);
	}
	return result;
}

int call_answer(int fd, int status, struct error *err)
{
	struct call_exit answer = {(uint32_t)status};
	return sock_send(fd, &answer, sizeof(answer), NULL, 0, err);
}
