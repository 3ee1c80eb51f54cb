/* SPDX-License-Identifier: MIT */
#include "runtime/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Read by the helper from the shared memory. */
static struct {
	const struct cgroup *cg;
	struct helper *h;
	pid_t parent;
	int (*ahead)(void *data);
	pid_t (*clone_init)(void *data);
	void *data;
	char ns_path[48], cwd_path[48];
} order;

#define GO_AHEAD 'a'
#define GO_CLONE 'c'

static int answer(int32_t pid)
{
	return write(order.h->result[1], &pid, sizeof(pid)) == sizeof(pid) ? 0 : 1;
}

static void fail(void)
{
	syscall(SYS_exit_group, answer(-errno));
}

/* What a change of ids clears. */
static void end_with_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (syscall(SYS_getppid) != order.parent)
		syscall(SYS_exit_group, 1);
}

static char await_order(void)
{
	char byte;
	ssize_t n;

	do {
		n = read(order.h->go[0], &byte, 1);
	} while (n < 0 && errno == EINTR);
	if (n != 1)
		syscall(SYS_exit_group, 1);
	return byte;
}

static int enter_mounts(void)
{
	int ns = open(order.ns_path, O_RDONLY | O_CLOEXEC);

	if (ns < 0)
		return -1;
	if (setns(ns, CLONE_NEWNS) < 0 || chdir(order.cwd_path) < 0) {
		close(ns);
		return -1;
	}
	return close(ns);
}

static int helper_main(void *arg)
{
	pid_t pid;
	char byte;

	(void)arg;
	end_with_parent();
	if (order.cg && cgroup_enter(order.cg) < 0)
		fail();
	byte = await_order();
	if (enter_mounts() < 0)
		fail();
	if (byte == GO_AHEAD) {
		if (order.ahead(order.data) < 0)
			fail();
		end_with_parent();
		await_order();
	}
	pid = order.clone_init(order.data);
	syscall(SYS_exit_group, answer(pid < 0 ? -errno : pid));
	return 0;
}

int helper_start(struct helper *h, const struct cgroup *cg, struct error *err)
{
	static _Alignas(16) char stack[65536];

	if (pipe2(h->go, O_CLOEXEC) < 0 || pipe2(h->result, O_CLOEXEC) < 0) {
		helper_release(h);
		return error_set(err, ERROR_SYSTEM, errno, "make a pipe");
	}
	order.cg = cg;
	order.h = h;
	order.parent = getpid();
	h->inside = cg != NULL;
	h->ahead = false;
	h->pid = clone(helper_main, stack + sizeof(stack), CLONE_VM | CLONE_FILES | SIGCHLD, NULL);
	if (h->pid < 0) {
		h->pid = 0;
		helper_release(h);
		return error_set(err, ERROR_SYSTEM, errno, "clone");
	}
	return 0;
}

static void name_mounts(void)
{
	snprintf(order.ns_path, sizeof(order.ns_path), "/proc/%d/ns/mnt", order.parent);
	snprintf(order.cwd_path, sizeof(order.cwd_path), "/proc/%d/cwd", order.parent);
}

int helper_go_ahead(struct helper *h, int (*ahead)(void *data), void *data, struct error *err)
{
	const char go = GO_AHEAD;

	name_mounts();
	h->ahead = true;
	order.ahead = ahead;
	order.data = data;
	return write(h->go[1], &go, 1) == 1
		       ? 0
		       : error_set(err, ERROR_SYSTEM, errno, "wake the helper");
}

pid_t helper_clone(struct helper *h, pid_t (*clone_init)(void *data), void *data)
{
	const char go = GO_CLONE;
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, h->pid, 0);
	struct pollfd ends[] = {{h->result[0], POLLIN, 0}, {pidfd, POLLIN, 0}};
	int32_t pid = -ECHILD;

	if (!h->ahead)
		name_mounts();
	order.clone_init = clone_init;
	order.data = data;
	/* It has the pipe's other end in common with us, so its death does not end a read: ask
	 * both. */
	if (pidfd >= 0 && write(h->go[1], &go, 1) == 1) {
		while (poll(ends, 2, -1) < 0 && errno == EINTR)
			;
		if (!(ends[0].revents & POLLIN) ||
		    read(h->result[0], &pid, sizeof(pid)) != sizeof(pid))
			pid = -ECHILD;
	}
	while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
		;
	h->pid = 0;
	helper_release(h);
	if (pid < 0) {
		errno = -pid;
		return -1;
	}
	return pid;
}

void helper_release(struct helper *h)
{
	int saved = errno;

	if (h->pid > 0) {
		kill(h->pid, SIGKILL);
		while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	h->pid = 0;
	for (int i = 0; i < 2; i++) {
		h->go[i] = close_fd(h->go[i]);
		h->result[i] = close_fd(h->result[i]);
	}
	errno = saved;
}
