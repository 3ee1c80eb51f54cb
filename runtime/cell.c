/* SPDX-License-Identifier: MIT */
#include "runtime/cell.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/mount.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "runtime/seccomp.h"

#if defined(__SANITIZE_ADDRESS__)
#define CELL_MAX_MEMORY RLIM_INFINITY /* its shadow takes terabytes of address space */
#else
#define CELL_MAX_MEMORY (1ull << 30)
#endif

/* What the child has, at these numbers and nothing else. */
enum { FD_WORK = 3, FD_TREE, FD_SYNC, FD_FIRST_CLOSED };

/* The child says READY when it is in its user namespace, SAYS and some words while it works, and
 * DONE at its end; anything else is an error message. */
#define READY 'r'
#define DONE 'd'
#define SAYS '\x01'
#define MAX_SAID (PATH_MAX + ERROR_MESSAGE_MAX)

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

static int system_error(struct error *err, const char *what)
{
	return error_set(err, ERROR_SYSTEM, errno, "%s", what);
}

/* --- the child --- */

static int arrange_descriptors(int work, int tree, int sync, struct error *err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	/* first out of the way of the final numbers */
	int a = fcntl(work, F_DUPFD_CLOEXEC, 16), t = fcntl(tree, F_DUPFD_CLOEXEC, 16);
	int s = fcntl(sync, F_DUPFD_CLOEXEC, 16), n = fcntl(null, F_DUPFD_CLOEXEC, 16);
	if (a < 0 || t < 0 || s < 0 || n < 0)
		return system_error(err, "arrange descriptors");
	for (int fd = 0; fd < 3; fd++)
		dup2(n, fd);
	if (dup3(a, FD_WORK, O_CLOEXEC) < 0 || dup3(t, FD_TREE, O_CLOEXEC) < 0 ||
	    dup3(s, FD_SYNC, O_CLOEXEC) < 0 || close_range(FD_FIRST_CLOSED, ~0u, 0) < 0)
		return system_error(err, "arrange descriptors");
	return 0;
}

/* Makes FD_TREE the root, in mount, network, ipc and uts namespaces that belong to the host's user
 * namespace: what comes after has no power over them. */
static int change_root(bool read_only, struct error *err)
{
	/* the working folder follows into the new namespace; a descriptor would stay in the old */
	if (fchdir(FD_TREE) < 0)
		return system_error(err, "enter the layer");
	close(FD_TREE);
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		return system_error(err, "new namespaces");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return system_error(err, "make mounts private");
	_cleanup_close_ int clone = open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (clone < 0)
		return system_error(err, "bind the layer");
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					      MOUNT_ATTR_NOEXEC |
					      (read_only ? MOUNT_ATTR_RDONLY : 0)};
	if (mount_setattr(clone, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return system_error(err, "restrict the layer's mount");
	if (move_mount(clone, "", AT_FDCWD, ".", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return system_error(err, "mount the layer");
	if (fchdir(clone) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return system_error(err, "change the root");
	return 0;
}

static int become_inside(uid_t id, struct error *err)
{
	char byte = READY;
	if (unshare(CLONE_NEWUSER) < 0)
		return system_error(err, "new user namespace");
	if (write(FD_SYNC, &byte, 1) != 1 || read(FD_SYNC, &byte, 1) != 1)
		return error_set(err, ERROR_FAILED, 0, "the runtime went away");
	/* the namespace's capabilities stay with an id that is not its root */
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(id, id, id) < 0 || setresuid(id, id, id) < 0)
		return system_error(err, "become the layer's owner");
	return 0;
}

static int set_limit(int which, rlim_t value)
{
	struct rlimit now, limit = {value, value};
	/* never more than what is allowed */
	if (getrlimit(which, &now) == 0 && now.rlim_max < value)
		limit.rlim_cur = limit.rlim_max = now.rlim_max;
	return setrlimit(which, &limit);
}

static int confine(const struct cell *cell, struct error *err)
{
	int n = (int)cell->n_caps;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return system_error(err, "restrict the process");
	/* a core limit of 1 starts no handler of core_pattern, which would be root's (limits.c) */
	if (set_limit(RLIMIT_AS, CELL_MAX_MEMORY) < 0 || set_limit(RLIMIT_CORE, 1) < 0 ||
	    set_limit(RLIMIT_FSIZE, CELL_MAX_BYTES) < 0 || set_limit(RLIMIT_NOFILE, 64) < 0 ||
	    set_limit(RLIMIT_CPU, CELL_MAX_SECONDS) < 0)
		return system_error(err, "set limits");
	/* a file past its limit is an error, not a death */
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	cap_t caps = cap_init();
	int failed = !caps || cap_set_flag(caps, CAP_PERMITTED, n, cell->caps, CAP_SET) < 0 ||
		     cap_set_flag(caps, CAP_EFFECTIVE, n, cell->caps, CAP_SET) < 0 ||
		     cap_set_proc(caps) < 0;
	cap_free(caps);
	if (failed)
		return system_error(err, "drop capabilities");
	return seccomp_enter(SPEC_LAYER, err);
}

int cell_say(const char *what, struct error *err)
{
	_cleanup_free_ char *text = xasprintf("%c%s", SAYS, what);
	return file_write_all(FD_SYNC, text, strlen(text), err);
}

static void child_main(const struct cell *cell, int sync)
{
	struct error err = ERROR_INIT;
	char done = DONE;
	umask(022); /* for folders that an archive does not name */
	if (cell->prepare)
		cell->prepare();
	if (arrange_descriptors(cell->fd, cell->tree, sync, &err) == 0 &&
	    change_root(cell->read_only, &err) == 0 && become_inside(cell->inside, &err) == 0 &&
	    confine(cell, &err) == 0 && cell->work(FD_WORK, cell->data, &err) == 0)
		file_write_all(FD_SYNC, &done, 1, NULL);
	else
		file_write_all(FD_SYNC, err.message, strlen(err.message), NULL);
}

/* --- the parent --- */

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
		char *place = strbuf_grow(out, MAX_SAID);
		ssize_t n = read(job->sync, place, MAX_SAID - 1);
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
	if (said.len == 1 && said.data[0] == READY) {
		if (write_map(job->pid, "uid_map", cell, cell->uid, err) < 0 ||
		    write_map(job->pid, "gid_map", cell, cell->gid, err) < 0 ||
		    file_write_all(job->sync, "g", 1, err) < 0 || hear(job, end, &said, err) < 0)
			return -1;
		while (cell->heard && said.len > 1 && said.data[0] == SAYS)
			if (cell->heard(said.data + 1, cell->data, err) < 0 ||
			    hear(job, end, &said, err) < 0)
				return -1;
		if (said.len == 1 && said.data[0] == DONE)
			return 0;
	}
	return error_set(err, ERROR_INVALID, 0, "%s", said.data);
}

int cell_run(const struct cell *cell, struct error *err)
{
	int ends[2];
	/* messages: one send is one receive */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return system_error(err, "socketpair");
	_cleanup_(job_release) struct job job = {.pid = fork_alone(), .sync = ends[0]};
	if (job.pid == 0) {
		child_main(cell, ends[1]);
		_exit(0);
	}
	close(ends[1]);
	if (job.pid < 0)
		return system_error(err, "fork");
	return supervise(cell, &job, err);
}
