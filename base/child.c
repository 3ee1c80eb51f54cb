/* SPDX-License-Identifier: MIT */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <linux/close_range.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define KILL_AFTER_MS 2000

extern char **environ;

void child_init(struct child *c)
{
	*c = (struct child){
		.argv = STRVEC_INIT,
		.env = STRVEC_INIT,
		.in = -1,
		.out = -1,
		.err = -1,
		.timeout_ms = -1,
		.pid = -1,
		.pidfd = -1,
	};
}

void child_release(struct child *c)
{
	if (c->pid > 0) {
		child_kill(c, SIGKILL);
		while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
			;
		c->pid = -1;
	}
	c->pidfd = close_fd(c->pidfd);
	strvec_release(&c->argv);
	strvec_release(&c->env);
}

void child_args(struct child *c, ...)
{
	va_list ap;
	va_start(ap, c);
	for (const char *s; (s = va_arg(ap, const char *));)
		strvec_push(&c->argv, s);
	va_end(ap);
}

/* What the forked child reports through the pipe when a step before exec fails. */
struct failure {
	int sys;
	char step[28];
};

static void __attribute__((noreturn)) fail(int pipe_fd, const char *step)
{
	struct failure f = {.sys = errno};
	for (size_t i = 0; step[i] && i + 1 < sizeof(f.step); i++)
		f.step[i] = step[i];
	if (write(pipe_fd, &f, sizeof(f)) < 0)
		_exit(126);
	_exit(127);
}

/* Puts the three descriptors at 0, 1 and 2. They are first moved above 2, so that none is
 * overwritten before it is used. */
static void set_stdio(const struct child *c, int pipe_fd)
{
	int from[3] = {c->in, c->out, c->err};
	for (int i = 0; i < 3; i++) {
		if (from[i] == -2)
			from[i] = from[1];
		else if (from[i] < 0)
			from[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (from[i] >= 0)
			from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 3);
		if (from[i] < 0)
			fail(pipe_fd, "standard descriptors");
	}
	for (int i = 0; i < 3; i++)
		if (dup2(from[i], i) < 0)
			fail(pipe_fd, "standard descriptors");
}

static void reset_signals(void)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	for (int sig = 1; sig < _NSIG; sig++)
		sigaction(sig, &dfl, NULL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* After fork: nothing here allocates or logs. */
static void __attribute__((noreturn))
become(const struct child *c, char **envp, const char *path, int pipe_fd, pid_t parent)
{
	reset_signals();
	if (c->new_session && setsid() < 0)
		fail(pipe_fd, "setsid");
	if (c->new_group && !c->new_session && setpgid(0, 0) < 0)
		fail(pipe_fd, "setpgid");
	set_stdio(c, pipe_fd);
	if (c->cwd && chdir(c->cwd) < 0)
		fail(pipe_fd, "change folder");
	if (c->drop && (setgroups(0, NULL) < 0 || setresgid(c->gid, c->gid, c->gid) < 0 ||
			setresuid(c->uid, c->uid, c->uid) < 0))
		fail(pipe_fd, "change user");
	/* after the change of user, which clears it */
	if (c->die_with_parent) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
			fail(pipe_fd, "parent death signal");
		if (getppid() != parent)
			_exit(127);
	}
	/* also what somebody else left open for this process */
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	if (c->in_child)
		c->in_child(c->in_child_data);
	execve(path, c->argv.v, envp);
	fail(pipe_fd, "execute");
}

/* argv[0] as a path; looked up in the parent's PATH, or the default one. */
static char *find_program(const char *name)
{
	if (strchr(name, '/'))
		return xstrdup(name);
	const char *path = getenv("PATH");
	if (!path || !*path)
		path = DEFAULT_PATH;
	for (const char *p = path; *p;) {
		size_t len = strcspn(p, ":");
		char *full = xasprintf("%.*s/%s", (int)len, p, name);
		if (len > 0 && access(full, X_OK) == 0)
			return full;
		free(full);
		p += len;
		p += *p == ':';
	}
	return NULL;
}

static void fill_environment(const struct child *c, struct strvec *out)
{
	if (c->keep_env) {
		strvec_push_all(out, environ);
	} else {
		strvec_push(out, "PATH=" DEFAULT_PATH);
		strvec_push(out, "LANG=C.UTF-8");
	}
	for (size_t i = 0; i < c->env.n; i++) {
		const char *equals = strchr(c->env.v[i], '=');
		_cleanup_free_ char *key = xstrndup(
			c->env.v[i], equals ? (size_t)(equals - c->env.v[i]) : SIZE_MAX / 2);
		strvec_setenv(out, key, equals ? equals + 1 : "");
	}
}

/* Waits for the exec: the pipe closes on success, or brings the failed step. */
static int read_failure(struct child *c, int fd, struct error *err)
{
	struct failure f;
	ssize_t n;
	do {
		n = read(fd, &f, sizeof(f));
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		return 0;
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
	c->pid = -1;
	if (n != (ssize_t)sizeof(f))
		return error_set(err, ERROR_SYSTEM, 0, "start '%s': lost", c->argv.v[0]);
	f.step[sizeof(f.step) - 1] = '\0';
	return error_set(err, ERROR_SYSTEM, f.sys, "start '%s': %s", c->argv.v[0], f.step);
}

int child_start(struct child *c, struct error *err)
{
	if (c->argv.n == 0)
		return error_set(err, ERROR_INVALID, 0, "no command to start");
	_cleanup_free_ char *path = find_program(c->argv.v[0]);
	if (!path)
		return error_set(err, ERROR_NOT_FOUND, 0, "no program '%s' on this machine",
				 c->argv.v[0]);
	_cleanup_strvec_ struct strvec env = STRVEC_INIT;
	fill_environment(c, &env);
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "pipe");
	_cleanup_close_ int read_end = fds[0];
	_cleanup_close_ int write_end = fds[1];
	pid_t parent = getpid();
	c->pid = fork();
	if (c->pid < 0)
		return error_set(err, ERROR_SYSTEM, errno, "fork");
	if (c->pid == 0)
		become(c, env.v, path, write_end, parent);
	write_end = close_fd(write_end);
	c->pidfd = pidfd_open(c->pid, 0);
	if (c->pidfd < 0) {
		error_set(err, ERROR_SYSTEM, errno, "pidfd_open");
		return -1;
	}
	return read_failure(c, read_end, err);
}

void child_kill(struct child *c, int sig)
{
	if (c->pid <= 0)
		return;
	/* not reaped yet, so the number is still this child's */
	kill(c->new_group || c->new_session ? -c->pid : c->pid, sig);
}

static int reap(struct child *c, struct error *err)
{
	pid_t got;
	do {
		got = waitpid(c->pid, &c->status, 0);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return error_set(err, ERROR_SYSTEM, errno, "wait for '%s'", c->argv.v[0]);
	c->pid = -1;
	c->pidfd = close_fd(c->pidfd);
	return 0;
}

/* One step of the deadline: gives the poll timeout, sending TERM and then KILL as they fall due. */
static int remaining(struct child *c, int64_t *deadline)
{
	if (*deadline < 0)
		return -1;
	int64_t left = *deadline - clock_ms();
	if (left > 0)
		return left > 3600000 ? 3600000 : (int)left;
	child_kill(c, c->timed_out ? SIGKILL : SIGTERM);
	c->timed_out = true;
	*deadline = clock_ms() + KILL_AFTER_MS;
	return KILL_AFTER_MS;
}

static int timeout_error(const struct child *c, struct error *err)
{
	return error_set(err, ERROR_TIMEOUT, 0, "'%s' took longer than %d s", c->argv.v[0],
			 (c->timeout_ms + 999) / 1000);
}

int child_wait(struct child *c, struct error *err)
{
	int64_t deadline = c->timeout_ms < 0 ? -1 : clock_ms() + c->timeout_ms;
	for (;;) {
		struct pollfd p = {.fd = c->pidfd, .events = POLLIN};
		int n = poll(&p, 1, remaining(c, &deadline));
		if (n < 0 && errno != EINTR)
			return error_set(err, ERROR_SYSTEM, errno, "poll");
		if (n > 0)
			break;
	}
	if (reap(c, err) < 0)
		return -1;
	return c->timed_out ? timeout_error(c, err) : 0;
}

int child_exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* The parent's ends of the pipes that child_run feeds and drains. */
struct pipes {
	int in, out, err;
	size_t fed;
};

static int drain(int *fd, struct strbuf *to, struct error *err)
{
	char chunk[16384];
	ssize_t n = read(*fd, chunk, sizeof(chunk));
	if (n < 0)
		return errno == EINTR || errno == EAGAIN
			       ? 0
			       : error_set(err, ERROR_SYSTEM, errno, "read");
	if (n == 0)
		*fd = close_fd(*fd);
	else
		strbuf_add(to, chunk, (size_t)n);
	return 0;
}

static void feed(struct child *c, struct pipes *p)
{
	const char *data = c->input;
	size_t left = c->input_len - p->fed;
	ssize_t n = left ? write(p->in, data + p->fed, left) : 0;
	if (n > 0)
		p->fed += (size_t)n;
	/* a child that does not read its input to the end is no failure */
	if (p->fed == c->input_len || (n < 0 && errno != EINTR && errno != EAGAIN))
		p->in = close_fd(p->in);
}

static int converse(struct child *c, struct pipes *p, struct error *err)
{
	int64_t deadline = c->timeout_ms < 0 ? -1 : clock_ms() + c->timeout_ms;
	while (p->in >= 0 || p->out >= 0 || p->err >= 0) {
		struct pollfd fds[] = {
			{.fd = p->in, .events = POLLOUT},
			{.fd = p->out, .events = POLLIN},
			{.fd = p->err, .events = POLLIN},
			{.fd = c->pidfd, .events = POLLIN},
		};
		int n = poll(fds, 4, remaining(c, &deadline));
		if (n < 0 && errno != EINTR)
			return error_set(err, ERROR_SYSTEM, errno, "poll");
		if (n <= 0)
			continue;
		if (fds[0].revents)
			feed(c, p);
		if (fds[1].revents && drain(&p->out, c->capture, err) < 0)
			return -1;
		if (fds[2].revents && drain(&p->err, c->capture_err, err) < 0)
			return -1;
		/* ended, and nothing more to read at once: a grandchild may hold the pipe open */
		if (fds[3].revents && !fds[1].revents && !fds[2].revents)
			return 0;
	}
	return 0;
}

static int make_pipe(bool wanted, bool child_reads, int *ours, int *theirs, struct error *err)
{
	int fds[2];
	if (!wanted)
		return 0;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "pipe");
	*ours = fds[child_reads ? 1 : 0];
	*theirs = fds[child_reads ? 0 : 1];
	if (child_reads && fcntl(*ours, F_SETFL, O_NONBLOCK) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "fcntl");
	return 0;
}

static int failed_status(const struct child *c, struct error *err)
{
	int code = child_exit_code(c->status);
	if (code == 0)
		return 0;
	if (c->capture_err && c->capture_err->len) {
		strbuf_trim(c->capture_err);
		const char *last = strrchr(c->capture_err->data, '\n');
		return error_set(err, ERROR_FAILED, 0, "'%s' failed (%d): %s", c->argv.v[0], code,
				 last ? last + 1 : c->capture_err->data);
	}
	return error_set(err, ERROR_FAILED, 0, "'%s' failed (%d)", c->argv.v[0], code);
}

int child_run(struct child *c, struct error *err)
{
	_cleanup_close_ int in = -1;
	_cleanup_close_ int out = -1;
	_cleanup_close_ int errfd = -1;
	struct pipes p = {-1, -1, -1, 0};
	int old[3] = {c->in, c->out, c->err};
	bool merged = c->capture_err && c->capture_err == c->capture;
	int result = -1;

	if (make_pipe(c->input != NULL, true, &p.in, &in, err) == 0 &&
	    make_pipe(c->capture != NULL, false, &p.out, &out, err) == 0 &&
	    make_pipe(c->capture_err && !merged, false, &p.err, &errfd, err) == 0) {
		c->in = in >= 0 ? in : c->in;
		c->out = out >= 0 ? out : c->out;
		c->err = merged ? -2 : errfd >= 0 ? errfd : c->err;
		struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
		sigaction(SIGPIPE, &ignore, &before);
		if (child_start(c, err) == 0) {
			in = close_fd(in);
			out = close_fd(out);
			errfd = close_fd(errfd);
			if (converse(c, &p, err) == 0)
				result = child_wait(c, err);
			else
				child_kill(c, SIGKILL);
		}
		sigaction(SIGPIPE, &before, NULL);
	}
	close_fd(p.in);
	close_fd(p.out);
	close_fd(p.err);
	c->in = old[0];
	c->out = old[1];
	c->err = old[2];
	if (result == 0 && c->timed_out)
		result = timeout_error(c, err);
	if (result == 0)
		result = failed_status(c, err);
	return result;
}
