/* SPDX-License-Identifier: MIT */
#include "plugins/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"

/* A write of this size to a pipe or socket that poll calls writable does not block (pipe(7)). */
#define CHUNK 4096
#define KILL_AFTER_MS 2000  /* SIGTERM to SIGKILL */
#define FLUSH_MS 10000      /* for a reader that does not read, after the plugin's end */
#define MAX_KILL_ROUNDS 200 /* each finds the children of those killed in the round before */

/* One of the plugin's outputs on its way to the client. */
struct pump {
	int from;      /* -1: at its end */
	int to;        /* -1: nobody reads any more */
	uint64_t left; /* bytes that may still pass */
	bool cut;
	char data[CHUNK];
	size_t len, off;
};

struct run {
	struct child child;
	struct pump pumps[2]; /* stdout, stderr */
	int signals, client;
	int64_t deadline; /* when something must happen next, by clock_ms */
	bool ended, stopping, timed_out, gone;
};

static void run_release(struct run *run)
{
	child_release(&run->child);
	for (size_t i = 0; i < 2; i++)
		close_fd(run->pumps[i].from);
	close_fd(run->signals);
}

/* The plugin's folder, and that the executable is one: a regular file, through no link. */
static char *find_folder(const struct instance *inst, const struct request *r, struct error *err)
{
	_cleanup_free_ char *folder = r->bundled
					      ? xasprintf("%s/plugins/%s", inst->share, r->plugin)
					      : instance_lib(inst, "plugins/%s", r->plugin);
	_cleanup_free_ char *entry =
		xasprintf("%s/%s", r->kind == REQUEST_COMMAND ? "commands" : "triggers", r->entry);
	_cleanup_close_ int dirfd = open(folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (dirfd < 0) {
		error_set(err, ERROR_SYSTEM, errno, "open '%s'", folder);
		return NULL;
	}
	fd = file_open_beneath(dirfd, entry, O_PATH, 0, true, err);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & S_IXOTH)) {
		error_set(err, ERROR_INVALID, 0, "'%s/%s' is not an executable file", folder,
			  entry);
		return NULL;
	}
	return TAKE_PTR(folder);
}

static int fill_environment(const struct instance *inst, const struct request *r,
			    const char *folder, struct strvec *env, struct error *err)
{
	_cleanup_free_ char *home = instance_lib(inst, "plugins-data/%s", r->plugin);

	if (mkdir(home, 0700) < 0 && errno != EEXIST)
		return error_set(err, ERROR_SYSTEM, errno, "make '%s' for the plugin's data", home);
	strvec_pushf(env, "PATH=%s/bin:/usr/local/bin:/usr/bin:/bin", inst->prefix);
	strvec_pushf(env, "HOME=%s", home);
	strvec_push_all(env, r->env.v);
	if (inst->root[0])
		strvec_setenv(env, "BERTH_ROOT", inst->root);
	strvec_setenv(env, "BERTH_PLUGIN", r->plugin);
	strvec_setenv(env, "BERTH_PLUGIN_DIR", folder);
	return 0;
}

/* Gives the descriptor that the plugin gets as its stdout or stderr. */
static int open_pump(struct pump *p, int to, uint64_t max, int *out_fd, struct error *err)
{
	int fds[2];

	*p = (struct pump){.from = -1, .to = to, .left = max ? max : UINT64_MAX};
	if (isatty(to)) {
		*out_fd = fcntl(to, F_DUPFD_CLOEXEC, 3);
		if (*out_fd < 0)
			return error_set(err, ERROR_SYSTEM, errno, "terminal");
		return 0;
	}
	/* a pipe of our own: the plugin can open /dev/stderr again, which it may not do with a pipe
	 * of another user, and its output can be counted */
	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make pipe");
	p->from = fds[0];
	*out_fd = fds[1];
	if (fcntl(p->from, F_SETFL, O_NONBLOCK) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "pipe");
	return 0;
}

static void limit_child(void *data)
{
	struct rlimit core = {0, 0}, files = {1024, 1024};

	(void)data;
	setrlimit(RLIMIT_CORE, &core);
	setrlimit(RLIMIT_NOFILE, &files);
}

static int start(struct run *run, const struct instance *inst, const struct request *r,
		 const int fds[3], struct error *err)
{
	_cleanup_free_ char *folder = find_folder(inst, r, err);
	_cleanup_close_ int out = -1, errors = -1;
	struct child *c = &run->child;

	if (!folder || fill_environment(inst, r, folder, &c->env, err) < 0)
		return -1;
	if (open_pump(&run->pumps[0], fds[1], r->output_max, &out, err) < 0 ||
	    open_pump(&run->pumps[1], fds[2], r->output_max, &errors, err) < 0)
		return -1;
	strvec_pushf(&c->argv, "%s/%s/%s", folder,
		     r->kind == REQUEST_COMMAND ? "commands" : "triggers", r->entry);
	strvec_push_all(&c->argv, r->args.v);
	c->cwd = folder;
	c->in = fds[0];
	c->out = out;
	c->err = errors;
	c->new_group = true;
	c->die_with_parent = true;
	c->in_child = limit_child;
	if (child_start(c, err) < 0) {
		if (err->sys == ENOENT)
			return error_wrap(err, "its first line may name an interpreter that is not "
					       "installed");
		return -1;
	}
	return 0;
}

/* Kills what the plugin left behind. It may have left its process group, but not this process,
 * which is the reaper of its orphans (prctl(2): PR_SET_CHILD_SUBREAPER). */
static void kill_orphans(void)
{
	for (int round = 0; round < MAX_KILL_ROUNDS; round++) {
		_cleanup_free_ char *path = xasprintf("/proc/self/task/%d/children", getpid());
		_cleanup_strbuf_ struct strbuf list = STRBUF_INIT;
		const char *p;

		strbuf_cap(&list, 65536);
		file_read(AT_FDCWD, path, 65536, &list, NULL);
		p = list.data;
		while (*p) {
			char *end;
			long pid = strtol(p, &end, 10);

			if (end == p)
				break;
			if (pid > 1)
				kill((pid_t)pid, SIGKILL);
			p = end + strspn(end, " \n");
		}
		if (waitpid(-1, NULL, 0) < 0 && errno == ECHILD)
			return;
	}
}

static void pump_read(struct pump *p)
{
	ssize_t n = read(p->from, p->data, sizeof(p->data));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		p->from = close_fd(p->from);
		return;
	}
	p->off = 0;
	p->len = (size_t)n;
	if (p->len > p->left) {
		p->len = (size_t)p->left;
		p->cut = true;
	}
	p->left -= p->len;
	if (p->to < 0)
		p->len = 0;
}

static void pump_write(struct pump *p)
{
	ssize_t n = write(p->to, p->data + p->off, p->len - p->off);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		/* nobody reads: the plugin need not know */
		p->to = -1;
		p->len = p->off = 0;
		return;
	}
	p->off += (size_t)n;
}

static bool pump_is_full(const struct pump *p)
{
	return p->off < p->len;
}

static bool pump_is_done(const struct pump *p)
{
	return p->from < 0 && !pump_is_full(p);
}

static void stop(struct run *run)
{
	if (run->ended || run->stopping)
		return;
	run->stopping = true;
	run->deadline = clock_ms() + KILL_AFTER_MS;
	child_kill(&run->child, SIGTERM);
}

static void on_deadline(struct run *run)
{
	if (run->ended) {
		/* the client does not take the last of the output */
		for (size_t i = 0; i < 2; i++) {
			run->pumps[i].from = close_fd(run->pumps[i].from);
			run->pumps[i].len = run->pumps[i].off = 0;
		}
	} else if (!run->stopping) {
		run->timed_out = true;
		stop(run);
	} else {
		run->deadline = clock_ms() + KILL_AFTER_MS;
		child_kill(&run->child, SIGKILL);
	}
}

static int on_end(struct run *run, struct error *err)
{
	if (child_wait(&run->child, err) < 0)
		return -1;
	kill_orphans();
	run->ended = true;
	run->deadline = clock_ms() + FLUSH_MS;
	return 0;
}

/* One wait for whatever comes next. */
static int step(struct run *run, struct error *err)
{
	struct pollfd p[5] = {
		{.fd = run->gone ? -1 : run->client, .events = POLLIN | POLLRDHUP},
		{.fd = run->gone ? -1 : run->signals, .events = POLLIN},
		{.fd = run->ended ? -1 : run->child.pidfd, .events = POLLIN},
	};
	int64_t wait_ms = run->deadline - clock_ms();

	for (size_t i = 0; i < 2; i++) {
		const struct pump *pump = &run->pumps[i];
		bool full = pump_is_full(pump);

		p[3 + i].fd = full ? pump->to : pump->from;
		p[3 + i].events = full ? POLLOUT : POLLIN;
	}
	if (poll(p, 5, wait_ms < 0 ? 0 : (int)wait_ms) < 0) {
		if (errno == EINTR)
			return 0;
		return error_set(err, ERROR_SYSTEM, errno, "poll");
	}
	for (size_t i = 0; i < 2; i++) {
		if (p[3 + i].revents && pump_is_full(&run->pumps[i]))
			pump_write(&run->pumps[i]);
		else if (p[3 + i].revents)
			pump_read(&run->pumps[i]);
	}
	if (p[0].revents || p[1].revents) {
		run->gone = true;
		stop(run);
	}
	if (p[2].revents && on_end(run, err) < 0)
		return -1;
	if (clock_ms() >= run->deadline)
		on_deadline(run);
	return 0;
}

static int open_signals(int *out_fd, struct error *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "block signals");
	*out_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (*out_fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "signalfd");
	return 0;
}

int runner_run(const struct instance *inst, const struct request *r, const int fds[3], int client,
	       struct request_answer *answer, struct error *err)
{
	_cleanup_(run_release) struct run run = {
		.pumps = {{.from = -1, .to = -1}, {.from = -1, .to = -1}},
		.signals = -1,
		.client = client,
	};

	child_init(&run.child);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "become a reaper");
	if (open_signals(&run.signals, err) < 0 || start(&run, inst, r, fds, err) < 0)
		return -1;
	run.deadline = clock_ms() + (int64_t)r->seconds * 1000;
	while (!run.ended || !pump_is_done(&run.pumps[0]) || !pump_is_done(&run.pumps[1]))
		if (step(&run, err) < 0)
			return -1;
	if (run.gone)
		return error_set(err, ERROR_CANCELLED, 0, "cancelled");
	if (run.timed_out)
		return error_set(err, ERROR_TIMEOUT, 0, "it was stopped after %u seconds",
				 r->seconds);
	answer->status = (uint32_t)child_exit_code(run.child.status);
	answer->cut = run.pumps[0].cut || run.pumps[1].cut;
	return 0;
}
