/* SPDX-License-Identifier: MIT */
#include "control/oneoff.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/printable.h"

#define LABEL_COMMAND_MAX 160 /* of the command; a label has 255 bytes */

/* Who gets the output: a terminal that the session has, or any place with a copy kept on the way.
 */
struct caller {
	int in, out; /* its descriptors */
	struct termios saved;
	bool raw;
	int pipe; /* the way of what is kept in the tail; -1: none */
	struct strbuf *tail;
};

static void caller_release(struct caller *t)
{
	close_fd(t->pipe);
}
#define _cleanup_caller_ _cleanup_(caller_release)

static int open_copy(struct caller *t, int *out_writer, struct error *err)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a pipe");
	t->pipe = ends[0];
	*out_writer = ends[1];
	return 0;
}

static void terminal_restore(struct caller *t)
{
	if (t->raw)
		tcsetattr(t->in, TCSADRAIN, &t->saved);
	t->raw = false;
}

static void terminal_raw(struct caller *t)
{
	struct termios raw;
	if (tcgetattr(t->in, &t->saved) < 0)
		return;
	raw = t->saved;
	cfmakeraw(&raw);
	t->raw = tcsetattr(t->in, TCSADRAIN, &raw) == 0;
}

/* All 0 when it is not known. */
static struct winsize size_of(int terminal)
{
	struct winsize size = {0};
	if (ioctl(terminal, TIOCGWINSZ, &size) < 0)
		size = (struct winsize){0};
	return size;
}

static void copy_size(const struct caller *t, int console)
{
	struct winsize size = size_of(t->out);
	if (size.ws_row || size.ws_col)
		ioctl(console, TIOCSWINSZ, &size);
}

static void keep_tail(struct strbuf *tail, const char *data, size_t len)
{
	strbuf_add(tail, data, len);
	if (tail->len > 2 * (size_t)ONEOFF_TAIL)
		strbuf_consume(tail, tail->len - ONEOFF_TAIL);
}

/* One read from FROM, all of it written to TO and kept in TAIL (may be NULL); false at the end. */
static bool pass(int from, int to, struct strbuf *tail)
{
	char chunk[16384];
	struct error ignored = ERROR_INIT;
	ssize_t n = read(from, chunk, sizeof(chunk));
	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (tail && n > 0)
		keep_tail(tail, chunk, (size_t)n);
	return n > 0 && file_write_all(to, chunk, (size_t)n, &ignored) == 0;
}

static void on_signal(int signals, struct runtime_session *s, const struct caller *t)
{
	struct signalfd_siginfo info;
	struct error ignored = ERROR_INIT;
	if (read(signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH) {
		if (s->console >= 0)
			copy_size(t, s->console);
	} else if (info.ssi_signo == SIGHUP) {
		/* the client went away: so does the container */
		runtime_session_signal(s, SIGKILL, &ignored);
	} else {
		runtime_session_signal(s, (int)info.ssi_signo, &ignored);
	}
}

/* Between the caller and the container until the container ends and its terminal is drained. */
static int converse(struct runtime_session *s, struct caller *t, int signals, struct error *err)
{
	int from = s->console >= 0 ? s->console : t->pipe;
	bool input = s->console >= 0, output = from >= 0, ended = false;
	while (!ended || output) {
		struct pollfd p[] = {
			{.fd = ended ? -1 : s->fd, .events = POLLIN},
			{.fd = signals, .events = POLLIN},
			{.fd = output ? from : -1, .events = POLLIN},
			{.fd = output && input ? t->in : -1, .events = POLLIN},
		};
		/* a terminal that a left-over process keeps open is not waited for */
		int n = poll(p, 4, ended ? 200 : -1);
		if (n < 0 && errno != EINTR)
			return error_set(err, ERROR_SYSTEM, errno, "poll");
		if (n == 0)
			break;
		if (n < 0)
			continue;
		if (p[1].revents)
			on_signal(signals, s, t);
		if (p[2].revents)
			output = pass(from, t->out, t->tail);
		/* whoever writes to it notices that nobody reads any more */
		if (!output)
			t->pipe = close_fd(t->pipe);
		if (p[3].revents)
			input = pass(t->in, s->console, NULL);
		if (p[0].revents)
			ended = true;
	}
	return 0;
}

/* T->in and out, and what is kept of the output, are set. */
static int attend(struct runtime_session *s, bool terminal, struct caller *t, const sigset_t *set,
		  struct runtime_result *result, struct error *err)
{
	_cleanup_close_ int signals = signalfd(-1, set, SFD_CLOEXEC);
	if (signals < 0)
		return error_set(err, ERROR_SYSTEM, errno, "signalfd");
	if (terminal) {
		copy_size(t, s->console);
		terminal_raw(t);
	}
	int done = converse(s, t, signals, err);
	terminal_restore(t);
	if (done < 0)
		return -1;
	return runtime_session_wait(s, result, err);
}

/* What is to be passed on comes through a signalfd; without FORWARD that is nothing. */
static void block_signals(bool forward, sigset_t *set, sigset_t *old)
{
	sigemptyset(set);
	sigprocmask(SIG_BLOCK, NULL, old);
	if (!forward)
		return;
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGQUIT);
	sigaddset(set, SIGWINCH);
	sigprocmask(SIG_BLOCK, set, NULL);
}

static int limit_error(const struct runtime_result *result, const struct oneoff *one,
		       struct error *err)
{
	if (result->oom_killed)
		return error_set(err, ERROR_FAILED, 0,
				 "killed: it used more than its %llu MB of memory",
				 (unsigned long long)(result->memory_peak >> 20));
	if (result->timed_out)
		return error_set(err, ERROR_TIMEOUT, 0, "killed: it ran longer than %u s",
				 one->time_s);
	return 0;
}

int oneoff_spec(struct context *c, const struct app *app, const struct release *r,
		const struct image *im, const struct oneoff *one, char kind,
		struct container_spec *out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf shown = STRBUF_INIT;
	if (process_spec(c, app, r, im, one->name, one->command, out, err) < 0)
		return -1;
	printable_add(&shown, one->command);
	out->label = xasprintf("%c %lld %lld %u %s %.*s", kind, (long long)app->id,
			       (long long)r->version, one->time_s, one->name, LABEL_COMMAND_MAX,
			       shown.data);
	out->tty = one->terminal;
	out->limits.time_ms = one->time_s > 4000000 ? 4000000000u : one->time_s * 1000;
	for (size_t i = 0; one->env && i < one->env->n; i++) {
		const char *equals = strchr(one->env->v[i], '=');
		_cleanup_free_ char *key =
			xstrndup(one->env->v[i], (size_t)(equals - one->env->v[i]));
		strvec_setenv(&out->env, key, equals + 1);
	}
	return 0;
}

int oneoff_run(struct context *c, const struct app *app, const struct release *r,
	       const struct image *im, const struct oneoff *one, int *out_status, struct error *err)
{
	_cleanup_spec_ struct container_spec spec;
	_cleanup_session_ struct runtime_session session = RUNTIME_SESSION_INIT;
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	_cleanup_close_ int writer = -1;
	_cleanup_caller_ struct caller caller = {.pipe = -1, .tail = one->tail};
	struct runtime_result result = {0};
	sigset_t set, old;
	int stdio[3];
	for (int i = 0; i < 3; i++)
		stdio[i] = one->stdio[i] < 0 ? null : one->stdio[i];
	caller.in = stdio[0];
	caller.out = stdio[1];
	if (one->tail) {
		if (open_copy(&caller, &writer, err) < 0)
			return -1;
		stdio[1] = stdio[2] = writer;
	}
	if (oneoff_spec(c, app, r, im, one, 'r', &spec, err) < 0)
		return -1;
	if (one->terminal) {
		struct winsize size = size_of(caller.out);
		spec.rows = size.ws_row;
		spec.columns = size.ws_col;
	}
	fflush(NULL);
	block_signals(one->forward, &set, &old);
	int done = runtime_attach(c->inst, &spec, stdio, &session, err);
	writer = close_fd(writer);
	if (done == 0)
		done = attend(&session, one->terminal, &caller, &set, &result, err);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (done < 0 || limit_error(&result, one, err) < 0)
		return -1;
	*out_status = result.exit_code;
	return 0;
}

int oneoff_enter(struct context *c, const char *id, const struct strvec *argv, bool terminal,
		 const int stdio[3], int *out_status, struct error *err)
{
	_cleanup_session_ struct runtime_session session = RUNTIME_SESSION_INIT;
	_cleanup_strvec_ struct strvec env = STRVEC_INIT;
	struct caller caller = {.in = stdio[0], .out = stdio[1], .pipe = -1};
	struct runtime_result result = {0};
	struct winsize size = size_of(caller.out);
	sigset_t set, old;
	if (terminal)
		strvec_push(&env, "TERM=xterm-256color");
	fflush(NULL);
	block_signals(true, &set, &old);
	int done = runtime_exec(c->inst, id, argv, &env, terminal ? &size : NULL, stdio, &session,
				err);
	if (done == 0)
		done = attend(&session, terminal, &caller, &set, &result, err);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (done < 0)
		return -1;
	*out_status = result.exit_code;
	return 0;
}
