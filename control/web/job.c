/* SPDX-License-Identifier: MIT */
#include "control/web/job.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "instance/call.h"

#define ERR_MAX (64u << 10) /* of stderr; the rest is dropped */
#define READ_SIZE 65536

void job_init(struct job *job)
{
	*job = (struct job){.epoll = -1, .status = -1};
	job->on_session.fd = job->on_out.fd = job->on_err.fd = job->on_in.fd = -1;
	strbuf_init(&job->out);
	strbuf_init(&job->err);
	strbuf_cap(&job->err, ERR_MAX);
	job->out_max = SIZE_MAX;
}

static void unwatch(struct job *job, struct watch *w)
{
	if (w->fd >= 0)
		epoll_ctl(job->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	w->fd = close_fd(w->fd);
}

void job_release(struct job *job)
{
	/* the session first: berthd cancels the command when it closes, and the end of a body that
	 * was cut short must not look like the end of an archive */
	unwatch(job, &job->on_session);
	unwatch(job, &job->on_in);
	unwatch(job, &job->on_out);
	unwatch(job, &job->on_err);
	strbuf_release(&job->out);
	strbuf_release(&job->err);
	job_init(job);
}

static void notify(struct job *job)
{
	/* all that the command wrote was written before berthd told its end */
	if (job->on_session.fd < 0 && job->on_out.fd < 0 && job->on_err.fd < 0)
		job->done = true;
	job->changed(job, job->owner);
}

/* Gives whether more may come. */
static bool take(int fd, struct strbuf *to)
{
	char *place = strbuf_grow(to, READ_SIZE);
	ssize_t n = read(fd, place, READ_SIZE);

	if (n > 0)
		strbuf_grown(to, (size_t)n);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void out_ready(struct watch *w, uint32_t events)
{
	struct job *job = w->owner;

	(void)events;
	if (!take(w->fd, &job->out))
		unwatch(job, w);
	else if (job->out.len >= job->out_max && !job->paused) {
		struct epoll_event ev = {.events = 0, .data.ptr = w};

		job->paused = epoll_ctl(job->epoll, EPOLL_CTL_MOD, w->fd, &ev) == 0;
	}
	notify(job);
}

void job_continue(struct job *job)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &job->on_out};

	if (!job->paused || job->on_out.fd < 0)
		return;
	job->paused = epoll_ctl(job->epoll, EPOLL_CTL_MOD, job->on_out.fd, &ev) < 0;
}

static void err_ready(struct watch *w, uint32_t events)
{
	struct job *job = w->owner;
	char text[4096];
	ssize_t n = read(w->fd, text, sizeof(text));

	(void)events;
	if (n > 0)
		strbuf_add(&job->err, text, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		unwatch(job, w);
	notify(job);
}

static void in_ready(struct watch *w, uint32_t events)
{
	struct job *job = w->owner;
	struct epoll_event ev = {.events = 0, .data.ptr = w};

	/* an error is seen by the next write */
	if (events & (EPOLLERR | EPOLLHUP))
		epoll_ctl(job->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	else
		epoll_ctl(job->epoll, EPOLL_CTL_MOD, w->fd, &ev);
	job->wants_room = false;
	job->changed(job, job->owner);
}

static void session_ready(struct watch *w, uint32_t events)
{
	struct job *job = w->owner;

	(void)events;
	if (call_wait(w->fd, &job->status, NULL) < 0)
		job->status = -1;
	unwatch(job, w);
	notify(job);
}

static int watch_start(struct job *job, struct watch *w, int fd, uint32_t events,
		       void (*ready)(struct watch *, uint32_t), struct error *err)
{
	struct epoll_event ev = {.events = events, .data.ptr = w};

	*w = (struct watch){.fd = fd, .ready = ready, .owner = job};
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || epoll_ctl(job->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "watch");
	return 0;
}

static int make_pipe(int fds[2], struct error *err)
{
	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make pipe");
	return 0;
}

/* The command's stdin: a pipe with INPUT already in it, an open pipe, or nothing. */
static int open_input(struct job *job, const char *input, bool feed, int *out_fd, struct error *err)
{
	int fds[2];

	if (!input && !feed) {
		*out_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		return *out_fd < 0 ? error_set(err, ERROR_SYSTEM, errno, "open /dev/null") : 0;
	}
	if (make_pipe(fds, err) < 0)
		return -1;
	*out_fd = fds[0];
	if (feed) {
		/* as large as an unprivileged process may (fcntl(2)): fewer switches */
		fcntl(fds[1], F_SETPIPE_SZ, 1 << 20);
		return watch_start(job, &job->on_in, fds[1], 0, in_ready, err);
	}
	int ret = file_write_all(fds[1], input, strlen(input), err);

	close_fd(fds[1]);
	return ret;
}

int job_start(struct job *job, const struct instance *inst, int epoll, const char *identity,
	      const struct strvec *argv, const char *input, bool feed, struct error *err)
{
	_cleanup_close_ int in = -1, out = -1, errors = -1;
	int fds[2], session;

	job->epoll = epoll;
	if (open_input(job, input, feed, &in, err) < 0 || make_pipe(fds, err) < 0)
		return -1;
	out = fds[1];
	if (watch_start(job, &job->on_out, fds[0], EPOLLIN, out_ready, err) < 0 ||
	    make_pipe(fds, err) < 0)
		return -1;
	errors = fds[1];
	if (watch_start(job, &job->on_err, fds[0], EPOLLIN, err_ready, err) < 0 ||
	    call_open(inst, identity, argv, (const int[]){in, out, errors}, &session, err) < 0)
		return -1;
	return watch_start(job, &job->on_session, session, EPOLLIN, session_ready, err);
}

size_t job_feed(struct job *job, const void *data, size_t len)
{
	struct epoll_event ev = {.events = EPOLLOUT, .data.ptr = &job->on_in};
	size_t done = 0;

	while (done < len) {
		ssize_t n = job->on_in.fd < 0
				    ? (ssize_t)(len - done)
				    : write(job->on_in.fd, (const char *)data + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			job->wants_room =
				epoll_ctl(job->epoll, EPOLL_CTL_MOD, job->on_in.fd, &ev) == 0;
			return done;
		}
		if (n < 0)
			job_feed_end(job);
		else
			done += (size_t)n;
	}
	return done;
}

void job_feed_end(struct job *job)
{
	unwatch(job, &job->on_in);
}
