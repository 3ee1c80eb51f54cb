/* SPDX-License-Identifier: MIT */
#include "runtime/cell.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "runtime/confined.h"

struct job {
	pid_t pid;
	int sync; /* the parent's end */
};

static void job_release(struct job *job)
{
	if (job->pid > 0) {
		kill(job->pid, SIGKILL);
		while (waitpid(job->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close_fd(job->sync);
}

/* --- the child --- */

static int arrange_descriptors(const struct cell *cell, int sync, int told, struct error *err)
{
	const int given[] = {cell->fd, cell->tree, sync, told};
	int away[ARRAY_SIZE(given)];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	/* first out of the way of the final numbers */
	for (size_t i = 0; i < ARRAY_SIZE(given); i++)
		if ((away[i] = fcntl(given[i], F_DUPFD_CLOEXEC, 16)) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "arrange descriptors");
	null = fcntl(null, F_DUPFD_CLOEXEC, 16);
	for (int fd = 0; fd < 3; fd++)
		if (dup2(null, fd) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "arrange descriptors");
	for (size_t i = 0; i < ARRAY_SIZE(given); i++)
		if (dup2(away[i], CONFINED_WORK + (int)i) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "arrange descriptors");
	if (close_range(CONFINED_FIRST_CLOSED, ~0u, 0) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "arrange descriptors");
	return 0;
}

/* A new program: nothing that this one has in its memory is in the cell, and what only cells need
 * is not loaded here. */
static void start(const struct cell *cell, int sync, int told) __attribute__((noreturn));
static void start(const struct cell *cell, int sync, int told)
{
	_cleanup_free_ char *prefix = file_prefix();
	_cleanup_free_ char *program = xasprintf("%s/bin/berth-cell", prefix);
	_cleanup_free_ char *work = xstrdup(cell->work);
	_cleanup_free_ char *id = xasprintf("%u", cell->inside);
	char *argv[] = {program, work, id, NULL}, *env[] = {NULL};
	struct error err = ERROR_INIT;
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (arrange_descriptors(cell, sync, told, &err) < 0) {
		file_write_all(sync, err.message, strlen(err.message), NULL);
		_exit(1);
	}
	execve(program, argv, env);
	error_set(&err, ERROR_SYSTEM, errno, "run '%s'", program);
	file_write_all(CONFINED_SYNC, err.message, strlen(err.message), NULL);
	_exit(1);
}

/* --- the parent --- */

/* What the work is told, in a file of no folder. */
static int write_told(const struct strvec *told, int *out_fd, struct error *err)
{
	_cleanup_close_ int fd = memfd_create("told", MFD_CLOEXEC);
	_cleanup_strbuf_ struct strbuf words = STRBUF_INIT;
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "memfd_create");
	for (size_t i = 0; told && i < told->n; i++)
		strbuf_add(&words, told->v[i], strlen(told->v[i]) + 1);
	if (file_write_all(fd, words.data, words.len, err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "lseek");
	*out_fd = TAKE_FD(fd);
	return 0;
}

/* With a process id namespace of its own: its user is that of containers, whose processes it could
 * signal and trace if it had a number for them. */
static pid_t fork_alone(void)
{
	return (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
}

static int write_map(pid_t pid, const char *which, const struct cell *cell, uid_t outside,
		     struct error *err)
{
	char path[64], text[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, which);
	int n = snprintf(text, sizeof(text), "%u %u %u\n", cell->inside, outside, cell->count);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, (size_t)n) != n)
		return error_set(err, ERROR_SYSTEM, errno, "write '%s'", path);
	return 0;
}

/* The child's next words, at most until END; a cut-off or missing answer is its death. */
static int hear(struct job *job, int64_t end, struct strbuf *out, struct error *err)
{
	strbuf_reset(out);
	for (;;) {
		int64_t left = end - clock_ms();
		struct pollfd p = {.fd = job->sync, .events = POLLIN};
		int ready = poll(&p, 1, left > 0 ? (int)left : 0);
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready == 0)
			return error_set(err, ERROR_TIMEOUT, 0, "it took longer than %d seconds",
					 CELL_MAX_SECONDS);
		char *place = strbuf_grow(out, CONFINED_MAX_SAID);
		ssize_t n = read(job->sync, place, CONFINED_MAX_SAID - 1);
		if (n <= 0)
			return error_set(err, ERROR_FAILED, 0,
					 "the confined process died (out of memory or time?)");
		strbuf_grown(out, (size_t)n);
		return 0;
	}
}

static int supervise(const struct cell *cell, struct job *job, struct error *err)
{
	int64_t end = clock_ms() + CELL_MAX_SECONDS * 1000LL;
	_cleanup_strbuf_ struct strbuf said = STRBUF_INIT;
	if (hear(job, end, &said, err) < 0)
		return -1;
	if (said.len == 1 && said.data[0] == CONFINED_READY) {
		if (write_map(job->pid, "uid_map", cell, cell->uid, err) < 0 ||
		    write_map(job->pid, "gid_map", cell, cell->gid, err) < 0 ||
		    file_write_all(job->sync, "g", 1, err) < 0 || hear(job, end, &said, err) < 0)
			return -1;
		while (cell->heard && said.len > 1 && said.data[0] == CONFINED_SAYS)
			if (cell->heard(said.data + 1, cell->data, err) < 0 ||
			    hear(job, end, &said, err) < 0)
				return -1;
		if (said.len == 1 && said.data[0] == CONFINED_DONE)
			return 0;
	}
	return error_set(err, ERROR_INVALID, 0, "%s", said.data);
}

int cell_run(const struct cell *cell, struct error *err)
{
	_cleanup_close_ int told = -1;
	int ends[2];
	if (write_told(cell->told, &told, err) < 0)
		return -1;
	/* messages: one send is one receive */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "socketpair");
	_cleanup_(job_release) struct job job = {.pid = fork_alone(), .sync = ends[0]};
	if (job.pid == 0)
		start(cell, ends[1], told);
	close(ends[1]);
	if (job.pid < 0)
		return error_set(err, ERROR_SYSTEM, errno, "fork");
	return supervise(cell, &job, err);
}
