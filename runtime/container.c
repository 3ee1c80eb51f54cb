/* SPDX-License-Identifier: MIT */
#include "runtime/container.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/caps.h"
#include "runtime/init.h"

/* The descriptors of one start. Each end is closed by whoever does not use it. */
struct pipes {
	int sync[2];   /* to the first process: a byte when the ids are mapped, one when it is
			* served, one when its link is ready */
	int report[2]; /* from it: step_reports, or the end at exec */
};

static void pipes_close(struct pipes *p)
{
	for (int i = 0; i < 2; i++) {
		p->sync[i] = close_fd(p->sync[i]);
		p->report[i] = close_fd(p->report[i]);
	}
}

static int pipes_open(struct pipes *p, struct error *err)
{
	memset(p, -1, sizeof(*p));
	if (pipe2(p->sync, O_CLOEXEC) < 0 || pipe2(p->report, O_CLOEXEC) < 0) {
		error_set(err, ERROR_SYSTEM, errno, "make a pipe");
		pipes_close(p);
		return -1;
	}
	return 0;
}

struct birth {
	const struct container_setup *setup;
	struct pipes *pipes;
	bool sibling; /* called by the helper, for its parent */
	bool ahead;   /* the helper has made all of AHEAD already */
};

/* What the helper can make before the root is there. */
#define AHEAD ((unsigned)(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS))

/* What a user namespace uses of inotify, queued signals and message queues the kernel counts for
 * its maker too (user_namespaces(7) calls him the owner). Made by root, all containers and the host
 * would share what one of them can use up. */
static pid_t clone_owned(struct clone_args *args, uid_t owner)
{
	pid_t pid;
	int why;

	if (!owner)
		return (pid_t)syscall(SYS_clone3, args, sizeof(*args));
	/* system calls, for this thread alone: the helper shares our memory */
	if (syscall(SYS_setresuid, -1, owner, -1) < 0)
		return -1;
	pid = caps_raise() < 0 ? -1 : (pid_t)syscall(SYS_clone3, args, sizeof(*args));
	if (pid == 0)
		return 0;
	why = errno;
	if (syscall(SYS_setresuid, -1, 0, -1) < 0 || caps_raise() < 0)
		abort();
	errno = why;
	return pid;
}

/* By the helper, which makes nothing else afterwards: it stays the owner. Linux lets it clone into
 * a cgroup of root's as whom it opens files. */
static int make_ahead(void *data)
{
	const struct birth *b = data;
	uid_t owner = b->setup->owner;

	if (owner && (syscall(SYS_setresuid, -1, owner, -1) < 0 || caps_raise() < 0))
		return -1;
	syscall(SYS_setfsuid, 0);
	return unshare((int)(b->setup->namespaces & AHEAD));
}

/* A time namespace takes its offsets before the first process is in it: from a process whose
 * children will be, the helper. */
static int make_time(const char *offsets)
{
	_cleanup_close_ int fd = -1;

	if (unshare(CLONE_NEWTIME) < 0)
		return -1;
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, offsets, strlen(offsets)) == (ssize_t)strlen(offsets) ? 0 : -1;
}

/* Clones the first process. Gives the pid, or -1 with errno. */
static pid_t clone_first(void *data)
{
	const struct birth *b = data;
	const struct container_setup *setup = b->setup;
	struct clone_args args;
	pid_t pid;

	for (unsigned i = 0; i < setup->n_joins; i++) {
		if (setns(setup->joins[i].fd, setup->joins[i].type) < 0)
			return -1;
	}
	if (setup->time_offsets && make_time(setup->time_offsets) < 0)
		return -1;
	memset(&args, 0, sizeof(args));
	/* its cgroup namespace it makes itself, where it stands in the cgroup for certain */
	args.flags = setup->namespaces & ~(unsigned)CLONE_NEWCGROUP;
	if (setup->time_offsets)
		args.flags &= ~(__u64)CLONE_NEWTIME;
	if (b->ahead)
		args.flags &= ~(__u64)AHEAD;
	if (b->sibling)
		args.flags |= CLONE_PARENT;
	else
		args.exit_signal = SIGCHLD;
	if (setup->cgroup->v2 && !(b->sibling && setup->helper->inside)) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (__u64)setup->cgroup->trees[0].dirfd;
	}
	pid = clone_owned(&args, b->ahead ? 0 : setup->owner);
	if (pid == 0)
		init_main(setup, b->pipes->sync[0], b->pipes->report[1], b->pipes->sync[1]);
	return pid;
}

/* One that stands in the cgroup and in the namespaces that the first process is to be made in. */
static bool needs_helper(const struct container_setup *setup)
{
	return setup->n_joins || setup->time_offsets || (!setup->cgroup->v2 && !setup->staged);
}

/* On version 1, while it builds its root. */
static bool moves_late(const struct container_setup *setup)
{
	return !setup->cgroup->v2 && !needs_helper(setup);
}

static int set_oom_score(pid_t pid, const char *score, struct error *err)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, score, strlen(score)) != (ssize_t)strlen(score))
		return error_set(err, ERROR_SYSTEM, errno, "set the oom score to '%s'", score);
	return 0;
}

static int wake(const struct pipes *p, struct error *err)
{
	return write(p->sync[1], "i", 1) == 1
		       ? 0
		       : error_set(err, ERROR_SYSTEM, errno, "wake the container");
}

/* Reads the report pipe up to step UNTIL; STEP_NONE: up to its end, at exec. */
static int await_step(int fd, enum step until, struct error *err)
{
	struct step_report r;
	int n = step_read(fd, &r);

	if (n == 0 && until == STEP_NONE)
		return 0;
	if (n <= 0)
		return error_set(err, ERROR_FAILED, 0, "the container ended while it started");
	return r.step == (int32_t)until ? 0 : step_error(&r, err);
}

/* Back in the mount namespace HOME, if that is not done yet. */
static int go_home(int *home, struct error *err)
{
	_cleanup_close_ int fd = TAKE_FD(*home);

	if (fd >= 0 && (setns(fd, CLONE_NEWNS) < 0 || chdir("/") < 0))
		return error_set(err, ERROR_SYSTEM, errno, "return");
	return 0;
}

/* Everything that the first process waits for: its ids, then what SERVE does. Leaving the mounts
 * that ENTER made waits for all processors (namespace_unlock, synchronize_rcu), milliseconds on a
 * busy machine: that goes by while the first process, which has its copy, builds its root. */
static int serve_first(const struct container_setup *setup, struct pipes *p, pid_t pid, int *home,
		       struct error *err)
{
	if (setup->ids && idmap_write(pid, setup->ids, err) < 0)
		return -1;
	if (setup->oom_score && set_oom_score(pid, setup->oom_score, err) < 0)
		return -1;
	if (wake(p, err) < 0)
		return -1;
	if (moves_late(setup) && cgroup_move(setup->cgroup, pid) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "enter the cgroup");
	if (go_home(home, err) < 0)
		return -1;
	if (setup->staged && await_step(p->report[0], STEP_BUILT, err) < 0)
		return -1;
	if (setup->serve && setup->serve(setup->data, pid, err) < 0)
		return -1;
	if (wake(p, err) < 0)
		return -1;
	if (!setup->linked)
		return 0;
	if (await_step(p->report[0], STEP_LINKED, err) < 0 || setup->linked(setup->data, err) < 0)
		return -1;
	return wake(p, err);
}

static void kill_and_reap(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static bool can_go_ahead(const struct container_setup *setup)
{
	return setup->helper->pid && setup->enter && !setup->n_joins && !setup->time_offsets &&
	       (setup->namespaces & CLONE_NEWUSER);
}

static int make_first(const struct container_setup *setup, struct pipes *p, pid_t *out_pid,
		      struct error *err)
{
	struct birth birth = {setup, p, setup->helper->pid != 0, can_go_ahead(setup)};
	pid_t pid;

	if (setup->enter && setup->enter(setup->data, err) < 0)
		return -1;
	if (birth.ahead && helper_go_ahead(setup->helper, make_ahead, &birth, err) < 0)
		return -1;
	if (setup->build && setup->build(setup->data, err) < 0) {
		helper_release(setup->helper); /* it may still be at what BIRTH says */
		return -1;
	}
	pid = birth.sibling ? helper_clone(setup->helper, clone_first, &birth)
			    : clone_first(&birth);
	if (pid < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make the container's namespaces");
	*out_pid = pid;
	p->report[1] = close_fd(p->report[1]);
	p->sync[0] = close_fd(p->sync[0]);
	return 0;
}

static int run(const struct container_setup *setup, struct pipes *p, int *home,
	       struct container_run *out, struct error *err)
{
	if (make_first(setup, p, &out->pid, err) < 0)
		return -1;
	out->pidfd = (int)syscall(SYS_pidfd_open, out->pid, 0);
	if (out->pidfd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "pidfd_open");
	/* When the first process has failed meanwhile, its report says more than our broken pipe.
	 */
	if (serve_first(setup, p, out->pid, home, err) < 0) {
		struct step_report r;
		struct pollfd end = {p->report[0], POLLIN, 0};

		kill(out->pid, SIGKILL);
		if (poll(&end, 1, 1000) == 1 && step_read(p->report[0], &r) == 1 &&
		    r.step < STEP_BUILT)
			step_error(&r, err);
		return -1;
	}
	return await_step(p->report[0], setup->gate >= 0 ? STEP_READY : STEP_NONE, err);
}

int container_start(const struct container_setup *setup, struct container_run *out,
		    struct error *err)
{
	struct container_run r = {-1, -1};
	struct pipes p;
	int failed;
	_cleanup_close_ int home = -1;

	if (setup->enter) {
		home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
		if (home < 0)
			return error_set(err, ERROR_SYSTEM, errno, "open '/proc/self/ns/mnt'");
	}
	if (needs_helper(setup) && !setup->helper->pid &&
	    helper_start(setup->helper, setup->cgroup, err) < 0)
		return -1;
	if (pipes_open(&p, err) < 0)
		return -1;
	failed = run(setup, &p, &home, &r, err);
	pipes_close(&p);
	if (failed)
		kill_and_reap(r.pid);
	helper_release(setup->helper);
	struct error ignored = ERROR_INIT;
	if (go_home(&home, failed ? &ignored : err) < 0)
		failed = -1;
	if (failed) {
		close_fd(r.pidfd);
		return -1;
	}
	*out = r;
	return 0;
}

int container_signal(const struct container_run *r, int sig)
{
	siginfo_t info;

	if (sig == SIGTERM || sig == SIGKILL)
		return (int)syscall(SYS_pidfd_send_signal, r->pidfd, sig, NULL, 0);
	memset(&info, 0, sizeof(info));
	info.si_signo = CONTAINER_SIGNAL;
	info.si_code = SI_QUEUE;
	info.si_pid = getpid();
	info.si_value.sival_int = sig;
	return (int)syscall(SYS_pidfd_send_signal, r->pidfd, CONTAINER_SIGNAL, &info, 0);
}

int container_reap(struct container_run *r)
{
	int status = 0;

	while (waitpid(r->pid, &status, 0) < 0) {
		if (errno != EINTR)
			break;
	}
	r->pidfd = close_fd(r->pidfd);
	r->pid = -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
