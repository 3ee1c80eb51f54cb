/* SPDX-License-Identifier: MIT */
#include "buildpacks/imagefork.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "buildpacks/imageneed.h"
#include "buildpacks/imagestage.h"
#include "runtime/client.h"

#define MOST_MAX 64
#define LINE_MAX_BYTES (64u << 10)
#define SAID_MAX (4u << 20)
#define NEWLINE '\x01' /* in a message, which is told as one line */

int imagefork_most(const struct instance *inst, size_t *out, struct error *err)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned long long n, fallback = cores < 1          ? 1
					 : cores > MOST_MAX ? MOST_MAX
							    : (unsigned long long)cores;

	if (instance_setting_u64(inst, "build", "stages", 1, MOST_MAX, fallback, &n, err) < 0)
		return -1;
	*out = (size_t)n;
	return 0;
}

/* --- in the process of a stage --- */

static int ask_turn(void *data, struct error *err)
{
	const int *talk = data;
	char answer;

	if (file_write_all(*talk, "turn\n", 5, err) < 0)
		return -1;
	if (read(*talk, &answer, 1) != 1)
		return error_set(err, ERROR_CANCELLED, 0, "cancelled");
	return 0;
}

static void tell_list(struct strbuf *sb, const char *what, const struct strvec *list)
{
	for (size_t i = 0; i < list->n; i++)
		strbuf_addf(sb, "%s %s\n", what, list->v[i]);
}

static void __attribute__((noreturn)) run_stage(struct imagework *w, size_t n, int talk, int out)
{
	_cleanup_strbuf_ struct strbuf said = STRBUF_INIT;
	struct error err = ERROR_INIT;
	static struct build b; /* this process ends in here */

	signal(SIGPIPE, SIG_IGN);
	b = *w->b;
	b.out = b.err = out;
	if (b.turn) {
		b.turn = ask_turn;
		b.turn_data = &talk;
	}
	w->b = &b;
	w->report = talk;
	int result = imagestage_build(w, n, &err);
	tell_list(&said, "used", &w->used);
	tell_list(&said, "layer", &w->made);
	if (result < 0) {
		/* one line */
		for (char *p = err.message; *p; p++)
			*p = *p == '\n' ? NEWLINE : *p;
		strbuf_addf(&said, "failed %d %s\n", (int)err.code, err.message);
	} else {
		strbuf_addstr(&said, "done\n");
	}
	file_write_all(talk, said.data, said.len, &err);
	_exit(result < 0);
}

/* --- in the process of the build --- */

/* A stage under way. */
struct fork {
	size_t stage;
	pid_t pid; /* 0: none */
	int talk, out;
	char *prefix;
	struct strbuf said, line; /* what is not a whole line yet */
	struct strvec layers;
	char *making; /* the layer that is made */
	bool good;
};

struct forks {
	struct imagework *w;
	struct fork *list;
	size_t n; /* places */
};

static void init_fork(struct fork *f)
{
	*f = (struct fork){.talk = -1,
			   .out = -1,
			   .said = STRBUF_INIT,
			   .line = STRBUF_INIT,
			   .layers = STRVEC_INIT};
}

static void clear_fork(struct fork *f)
{
	close_fd(f->talk);
	close_fd(f->out);
	free(f->prefix);
	free(f->making);
	strbuf_release(&f->said);
	strbuf_release(&f->line);
	strvec_release(&f->layers);
	init_fork(f);
}

/* A layer that nobody goes on with, unless another build waits for it and makes it now. */
static void drop_layer(const struct imagework *w, const char *id)
{
	_cleanup_free_ char *path = instance_run(w->b->inst, "locks/layer-%s", id);
	_cleanup_close_ int lock = -1;
	struct error ignored = ERROR_INIT;

	if (file_lock(path, false, &lock, &ignored) == 0 && !runtime_layer_exists(w->b->inst, id))
		runtime_layer_remove(w->b->inst, id, NULL);
}

static void end_all(struct forks *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->list[i].pid > 0)
			kill(all->list[i].pid, SIGKILL);
	for (size_t i = 0; i < all->n; i++) {
		struct fork *f = &all->list[i];
		while (f->pid > 0 && waitpid(f->pid, NULL, 0) < 0 && errno == EINTR)
			;
		if (f->pid > 0 && f->making)
			drop_layer(all->w, f->making);
		clear_fork(f);
	}
	free(all->list);
}

/* "-----> TEXT" as "-----> [build] TEXT", and so for details; what containers print has it before.
 */
static void print_line(const struct imagework *w, const struct fork *f, const char *line,
		       size_t len)
{
	static const char *const marks[] = {"-----> ", "       "};
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	size_t skip = 0;

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (len >= 7 && memcmp(line, marks[i], 7) == 0)
			skip = 7;
	strbuf_add(&sb, line, skip);
	strbuf_addf(&sb, "[%s] ", f->prefix);
	strbuf_add(&sb, line + skip, len - skip);
	strbuf_addch(&sb, '\n');
	file_write_all(w->b->out, sb.data, sb.len, NULL);
}

static void take_output(const struct imagework *w, struct fork *f)
{
	char buf[16384];
	ssize_t n = read(f->out, buf, sizeof(buf));

	if (n <= 0) {
		if (f->line.len > 0)
			print_line(w, f, f->line.data, f->line.len);
		strbuf_reset(&f->line);
		f->out = close_fd(f->out);
		return;
	}
	strbuf_add(&f->line, buf, (size_t)n);
	const char *at = f->line.data, *end = at + f->line.len;
	for (const char *newline; (newline = memchr(at, '\n', (size_t)(end - at)));
	     at = newline + 1)
		print_line(w, f, at, (size_t)(newline - at));
	strbuf_consume(&f->line, (size_t)(at - f->line.data));
	if (f->line.len > LINE_MAX_BYTES) {
		print_line(w, f, f->line.data, f->line.len);
		strbuf_reset(&f->line);
	}
}

static int hear_line(struct imagework *w, struct fork *f, char *line, struct error *err)
{
	const char *value;

	if (str_equal(line, "turn"))
		return w->b->turn(w->b->turn_data, err) < 0 ? -1
							    : file_write_all(f->talk, "", 1, err);
	if ((value = str_skip(line, "making "))) {
		free(f->making);
		f->making = xstrdup(value);
	} else if ((value = str_skip(line, "used "))) {
		if (!strvec_has(&w->used, value))
			strvec_push(&w->used, value);
	} else if ((value = str_skip(line, "layer "))) {
		strvec_push(&f->layers, value);
	} else if ((value = str_skip(line, "failed "))) {
		char *message;
		long code = strtol(value, &message, 10);
		for (char *p = message; *p; p++)
			*p = *p == NEWLINE ? '\n' : *p;
		return error_set(err, (enum error_code)code, 0, "stage '%s': %s", f->prefix,
				 message + (*message == ' '));
	} else if (str_equal(line, "done")) {
		f->good = true;
	}
	return 0;
}

static int take_talk(struct imagework *w, struct fork *f, struct error *err)
{
	char buf[16384];
	ssize_t n = read(f->talk, buf, sizeof(buf));
	char *newline;

	if (n <= 0) {
		f->talk = close_fd(f->talk);
		return 0;
	}
	strbuf_cap(&f->said, SAID_MAX);
	strbuf_add(&f->said, buf, (size_t)n);
	while ((newline = memchr(f->said.data, '\n', f->said.len))) {
		_cleanup_free_ char *line =
			xstrndup(f->said.data, (size_t)(newline - f->said.data));
		strbuf_consume(&f->said, strlen(line) + 1);
		if (hear_line(w, f, line, err) < 0)
			return -1;
	}
	return 0;
}

static int start_fork(struct forks *all, struct fork *f, size_t stage, struct error *err)
{
	struct imagework *w = all->w;
	pid_t parent = getpid();
	int talk[2], out[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, talk) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a socket");
	if (pipe2(out, O_CLOEXEC) < 0) {
		close(talk[0]);
		close(talk[1]);
		return error_set(err, ERROR_SYSTEM, errno, "make a pipe");
	}
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		/* the ends of the others: one that ended must not look as if it lived */
		for (size_t i = 0; i < all->n; i++) {
			close_fd(all->list[i].talk);
			close_fd(all->list[i].out);
		}
		close(talk[0]);
		close(out[0]);
		run_stage(w, stage, talk[1], out[1]);
	}
	close(talk[1]);
	close(out[1]);
	f->talk = talk[0];
	f->out = out[0];
	if (pid < 0)
		return error_set(err, ERROR_SYSTEM, errno, "fork");
	f->pid = pid;
	f->stage = stage;
	const char *name = w->f.stages[stage].name;
	f->prefix = name ? xstrdup(name) : xasprintf("stage %zu", stage);
	return 0;
}

/* Starts what can be started; whether any runs. */
static int start_ready(struct forks *all, bool *started, bool *out_any, struct error *err)
{
	struct imagework *w = all->w;

	*out_any = false;
	for (size_t i = 0; i < all->n; i++) {
		struct fork *f = &all->list[i];
		for (size_t n = 0; n < w->f.n_stages && f->pid == 0; n++) {
			if (!w->stages[n].needed || started[n] || !imageneed_is_ready(w, n))
				continue;
			started[n] = true;
			if (start_fork(all, f, n, err) < 0)
				return -1;
		}
		*out_any |= f->pid > 0;
	}
	return 0;
}

/* A stage whose process has said all that it had to say. */
static int finish_fork(struct forks *all, struct fork *f, struct error *err)
{
	struct imagework *w = all->w;
	const char *name = f->prefix;
	int status = 0;

	while (waitpid(f->pid, &status, 0) < 0 && errno == EINTR)
		;
	f->pid = 0;
	if (!f->good)
		return error_set(err, ERROR_FAILED, 0, "the process of stage '%s' ended early",
				 name);
	if (imagestage_replay(w, f->stage, &f->layers, err) < 0)
		return -1;
	clear_fork(f);
	return 0;
}

static int wait_some(struct forks *all, struct error *err)
{
	struct pollfd set[2 * MOST_MAX + 1];

	for (size_t i = 0; i < all->n; i++) {
		set[2 * i] = (struct pollfd){all->list[i].talk, POLLIN, 0};
		set[2 * i + 1] = (struct pollfd){all->list[i].out, POLLIN, 0};
	}
	set[2 * all->n] = (struct pollfd){all->w->b->cancel_fd, POLLIN, 0};
	if (poll(set, 2 * all->n + 1, -1) < 0)
		return errno == EINTR ? 0 : error_set(err, ERROR_SYSTEM, errno, "poll");
	if (set[2 * all->n].revents)
		return error_set(err, ERROR_CANCELLED, 0, "cancelled");
	/* what it printed comes before what became of it */
	for (size_t i = 0; i < all->n; i++)
		if (set[2 * i + 1].revents)
			take_output(all->w, &all->list[i]);
	for (size_t i = 0; i < all->n; i++) {
		struct fork *f = &all->list[i];
		if (set[2 * i].revents && take_talk(all->w, f, err) < 0) {
			while (f->out >= 0)
				take_output(all->w, f);
			return -1;
		}
		if (f->pid > 0 && f->talk < 0 && f->out < 0 && finish_fork(all, f, err) < 0)
			return -1;
	}
	return 0;
}

int imagefork_build(struct imagework *w, size_t most, struct error *err)
{
	struct forks all = {w, xcalloc(most, sizeof(*all.list)), most};
	_cleanup_free_ bool *started = xcalloc(w->f.n_stages, sizeof(*started));
	bool any = true;
	int result = 0;

	for (size_t i = 0; i < most; i++)
		init_fork(&all.list[i]);
	while (result == 0 && any) {
		result = start_ready(&all, started, &any, err);
		if (result == 0 && any)
			result = wait_some(&all, err);
	}
	end_all(&all);
	return result;
}
