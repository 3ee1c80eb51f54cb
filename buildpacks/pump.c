/* SPDX-License-Identifier: MIT */
#include "buildpacks/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "buildpacks/say.h"

/* The read ends of the container's descriptors 0, 1 and 2. */
enum { RESULTS, OUT, ERR, PIPES };

struct ends {
	int fd[PIPES];
};

static void close_ends(struct ends *e)
{
	for (int i = 0; i < PIPES; i++)
		e->fd[i] = close_fd(e->fd[i]);
}

/* A program that has nothing to report finds on descriptor 0 what one without input expects. */
static int make_pipes(const struct pump *p, struct ends *read_ends, struct ends *write_ends,
		      struct error *err)
{
	if (!p->results && (write_ends->fd[RESULTS] = open("/dev/null", O_RDWR | O_CLOEXEC)) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '/dev/null'");
	for (int i = p->results ? RESULTS : OUT; i < PIPES; i++) {
		int fds[2];
		if (pipe2(fds, O_CLOEXEC) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "make a pipe");
		read_ends->fd[i] = fds[0];
		write_ends->fd[i] = fds[1];
		if (fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "prepare a pipe");
	}
	return 0;
}

static void keep_tail(struct strbuf *tail, const char *data, size_t len)
{
	strbuf_add(tail, data, len);
	if (tail->len > 2 * (size_t)PUMP_TAIL)
		strbuf_consume(tail, tail->len - PUMP_TAIL);
}

/* When the user last saw something. */
struct quiet {
	int64_t start, last;
	bool mid_line;
};

static int quiet_left(const struct quiet *q)
{
	int64_t left = q->last + PUMP_QUIET_MS - clock_ms();

	return left > 0 ? (int)left : 0;
}

static void say_alive(struct quiet *q, const struct pump *p)
{
	if (q->mid_line)
		file_write_all(p->alive, "\n", 1, NULL);
	q->mid_line = false;
	q->last = clock_ms();
	say_detail(p->alive, "... still %s (%lld s)", p->doing,
		   (long long)(q->last - q->start + 500) / 1000);
}

/* Moves what pipe WHICH has; closes it at its end. A user who no longer reads cancels. */
static int move(struct ends *ends, int which, const struct pump *p, struct quiet *q,
		struct error *err)
{
	char buf[16384];
	ssize_t n = read(ends->fd[which], buf, sizeof(buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		ends->fd[which] = close_fd(ends->fd[which]);
		return 0;
	}
	if (which == RESULTS) {
		strbuf_add(p->results, buf, (size_t)n);
		return 0;
	}
	if (p->tail)
		keep_tail(p->tail, buf, (size_t)n);
	int fd = which == OUT ? p->out : p->err;
	if (fd >= 0) {
		q->last = clock_ms();
		q->mid_line = buf[n - 1] != '\n';
	}
	if (fd >= 0 && file_write_all(fd, buf, (size_t)n, err) < 0) {
		error_clear(err);
		return error_set(err, ERROR_CANCELLED, 0, "cancelled: nobody reads the output");
	}
	return 0;
}

/* Until the container has ended and its pipes are dry. A process that outlives the container's init
 * cannot exist, so the pipes do end; they are read once more without waiting, just in case. */
static int run_loop(struct ends *ends, int session, const struct pump *p, struct error *err)
{
	struct quiet quiet = {clock_ms(), clock_ms(), false};
	bool shows = p->doing && p->alive >= 0, ended = false;

	while (!ended) {
		struct pollfd set[PIPES + 2];
		for (int i = 0; i < PIPES; i++)
			set[i] = (struct pollfd){ends->fd[i], POLLIN, 0};
		set[PIPES] = (struct pollfd){session, POLLIN, 0};
		set[PIPES + 1] = (struct pollfd){p->cancel_fd, POLLIN, 0};
		if (poll(set, PIPES + 2, shows ? quiet_left(&quiet) : -1) < 0 && errno != EINTR)
			return error_set(err, ERROR_SYSTEM, errno, "poll");
		if (set[PIPES + 1].revents)
			return error_set(err, ERROR_CANCELLED, 0, "cancelled");
		for (int i = 0; i < PIPES; i++)
			if (set[i].revents && move(ends, i, p, &quiet, err) < 0)
				return -1;
		ended = set[PIPES].revents != 0;
		if (shows && !ended && quiet_left(&quiet) == 0)
			say_alive(&quiet, p);
	}
	for (int i = 0; i < PIPES; i++) {
		for (;;) {
			struct pollfd one = {ends->fd[i], POLLIN, 0};
			if (ends->fd[i] < 0 || poll(&one, 1, 0) <= 0)
				break;
			if (move(ends, i, p, &quiet, err) < 0)
				return -1;
		}
	}
	return 0;
}

int pump_run(const struct instance *inst, const struct container_spec *spec,
	     const struct pump *pump, struct runtime_result *out, struct error *err)
{
	_cleanup_(close_ends) struct ends ours = {{-1, -1, -1}};
	_cleanup_(close_ends) struct ends theirs = {{-1, -1, -1}};
	_cleanup_session_ struct runtime_session session = RUNTIME_SESSION_INIT;

	if (make_pipes(pump, &ours, &theirs, err) < 0)
		return -1;
	if (runtime_attach(inst, spec, theirs.fd, &session, err) < 0)
		return -1;
	close_ends(&theirs);
	if (run_loop(&ours, session.fd, pump, err) < 0)
		return -1;
	return runtime_session_wait(&session, out, err);
}
