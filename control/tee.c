/* SPDX-License-Identifier: MIT */
#include "control/tee.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/colour.h"
#include "base/file.h"
#include "base/strbuf.h"

#define LOST_MS 5000 /* for a caller that does not read */
#define QUIET_MS 100 /* a terminal hands on what was written to it a moment later */

/* One way from the session to the caller. */
struct way {
	int in, out; /* in the copying process; in is -1 at its end */
	int end;     /* the session's end */
	bool terminal;
	bool colour, mid_line; /* the caller sees colours; base/colour.h */
};

struct log {
	int fd;
	size_t written;
	struct strbuf tail; /* what came after TEE_HEAD bytes, its last part */
	bool cut;
};

static bool same_place(int a, int b)
{
	struct stat x, y;
	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino && x.st_rdev == y.st_rdev;
}

static int open_way(int fd, struct way *out, struct error *err)
{
	int ends[2];
	bool terminal = isatty(fd) == 1;
	if (terminal) {
		struct termios raw = {.c_cflag = 0};
		struct winsize size = {0};
		tcgetattr(fd, &raw);
		cfmakeraw(&raw);
		ioctl(fd, TIOCGWINSZ, &size);
		if (openpty(&ends[0], &ends[1], NULL, &raw, &size) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "open a terminal");
		fcntl(ends[0], F_SETFD, FD_CLOEXEC);
		fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	} else if (pipe2(ends, O_CLOEXEC) < 0) {
		return error_set(err, ERROR_SYSTEM, errno, "make a pipe");
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	*out = (struct way){ends[0], fd, ends[1], terminal, colour_on(fd), false};
	return 0;
}

static void log_add(struct log *l, const char *data, size_t len)
{
	size_t room = TEE_HEAD - l->written, now = len < room ? len : room;
	/* a full disk costs the log, not the build */
	if (now && file_write_all(l->fd, data, now, NULL) == 0)
		l->written += now;
	if (now == len)
		return;
	strbuf_add(&l->tail, data + now, len - now);
	if (l->tail.len > 2 * (size_t)TEE_TAIL) {
		strbuf_consume(&l->tail, l->tail.len - TEE_TAIL);
		l->cut = true;
	}
}

static void log_end(struct log *l)
{
	static const char gap[] = "\n       [...]\n";
	if (l->tail.len > TEE_TAIL) {
		strbuf_consume(&l->tail, l->tail.len - TEE_TAIL);
		l->cut = true;
	}
	if (l->cut)
		file_write_all(l->fd, gap, sizeof(gap) - 1, NULL);
	file_write_all(l->fd, l->tail.data, l->tail.len, NULL);
}

/* Passes on what W has; gives whether there was something. A caller that no longer reads closes
 * the way, which those who write to it notice. */
static bool copy(struct way *w, struct log *l)
{
	_cleanup_strbuf_ struct strbuf painted = STRBUF_INIT;
	char buf[65536];
	ssize_t n = read(w->in, buf, sizeof(buf));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n > 0) {
		log_add(l, buf, (size_t)n);
		if (w->colour)
			colour_paint(&painted, buf, (size_t)n, COLOUR_WARNING, &w->mid_line);
		if (file_write_all(w->out, w->colour ? painted.data : buf,
				   w->colour ? painted.len : (size_t)n, NULL) == 0)
			return true;
	}
	w->in = close_fd(w->in);
	return false;
}

static void drain(struct way *w, struct log *l)
{
	struct pollfd p = {.fd = w->in, .events = POLLIN};
	while (w->in >= 0 && poll(&p, 1, w->terminal ? QUIET_MS : 0) > 0 && copy(w, l))
		;
}

/* Until the session says so, or is gone; gives whether it said so. */
static bool copy_all(struct way *ways, size_t n, int control, struct log *l)
{
	for (;;) {
		struct pollfd set[TEE_FDS + 1] = {{.fd = control, .events = POLLIN}};
		char done;
		for (size_t i = 0; i < n; i++)
			set[i + 1] = (struct pollfd){.fd = ways[i].in, .events = POLLIN};
		if (poll(set, n + 1, -1) < 0)
			continue;
		for (size_t i = 0; i < n; i++)
			if (set[i + 1].revents)
				copy(&ways[i], l);
		if (!set[0].revents)
			continue;
		for (size_t i = 0; i < n; i++)
			drain(&ways[i], l);
		return read(control, &done, 1) == 1;
	}
}

/* Only what the copying process needs stays open: a lock or a connection that it kept would outlive
 * the session. */
static void keep(int *const *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		*fds[i] = fcntl(*fds[i], F_DUPFD_CLOEXEC, 100);
	close_range(3, 99, 0);
	for (size_t i = 0; i < n; i++)
		*fds[i] = fcntl(*fds[i], F_DUPFD_CLOEXEC, 3);
	close_range(3 + (unsigned)n, ~0U, 0);
}

static void __attribute__((noreturn))
run(struct way *ways, size_t n, int control, int log_fd, void (*when_lost)(void *), void *data)
{
	static const int none[] = {SIGINT, SIGTERM, SIGHUP, SIGIO, SIGPIPE, SIGWINCH};
	struct log l = {.fd = log_fd, .tail = STRBUF_INIT};
	int *fds[2 + TEE_FDS * 2] = {&control, &l.fd};
	sigset_t all;
	size_t k = 2;
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		signal(none[i], SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	prctl(PR_SET_NAME, "berthd-tee");
	for (size_t i = 0; i < n; i++) {
		fds[k++] = &ways[i].in;
		fds[k++] = &ways[i].out;
	}
	keep(fds, k);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	bool told = copy_all(ways, n, control, &l);
	log_end(&l);
	if (!told)
		when_lost(data);
	_exit(0);
}

/* In the session: its descriptors lead to the copying process from here on. */
static void divert(struct tee *t, const int *fds, size_t n, const struct way *ways, size_t n_ways)
{
	for (size_t i = 0; i < n; i++) {
		t->fd[i] = fds[i];
		t->saved[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
		dup2(ways[i < n_ways ? i : n_ways - 1].end, fds[i]);
	}
	t->n = n;
	/* the log is plain: what the session prints is painted behind it */
	t->colour = colour_get();
	colour_set(COLOUR_NONE);
}

int tee_start(struct tee *t, const int *fds, size_t n, int log_fd, void (*when_lost)(void *),
	      void *data, struct error *err)
{
	struct way ways[TEE_FDS] = {{.in = -1, .out = -1, .end = -1},
				    {.in = -1, .out = -1, .end = -1}};
	size_t n_ways = n == 2 && same_place(fds[0], fds[1]) ? 1 : n;
	int control[2], result = 0;
	sigset_t all, before;
	if (pipe2(control, O_CLOEXEC) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a pipe");
	for (size_t i = 0; i < n_ways && result == 0; i++)
		result = open_way(fds[i], &ways[i], err);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	pid_t pid = result == 0 ? fork() : -1;
	if (pid == 0)
		run(ways, n_ways, control[0], log_fd, when_lost, data);
	if (pid > 0) {
		divert(t, fds, n, ways, n_ways);
		t->pid = pid;
		t->pidfd = pidfd_open(pid, 0);
		t->control = TAKE_FD(control[1]);
	} else if (result == 0) {
		result = error_set(err, ERROR_SYSTEM, errno, "fork");
	}
	for (size_t i = 0; i < n_ways; i++) {
		close_fd(ways[i].in);
		close_fd(ways[i].end);
	}
	close_fd(control[0]);
	close_fd(control[1]);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return result;
}

void tee_end(struct tee *t, bool lost)
{
	int saved = errno, control = t->control;
	if (control < 0)
		return;
	t->control = -1;
	for (size_t i = 0; i < t->n; i++) {
		dup2(t->saved[i], t->fd[i]);
		close(t->saved[i]);
	}
	colour_set(t->colour);
	if (!lost && write(control, "d", 1) < 0)
		lost = true; /* it is dead: there is nothing to wait for */
	close(control);
	struct pollfd p = {.fd = t->pidfd, .events = POLLIN};
	int n;
	while ((n = poll(&p, 1, lost ? LOST_MS : -1)) < 0 && errno == EINTR)
		;
	if (n == 0)
		kill(t->pid, SIGKILL);
	while (waitpid(t->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(t->pidfd);
	errno = saved;
}
