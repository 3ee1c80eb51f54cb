/* SPDX-License-Identifier: MIT */
#include "runtime/container.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "runtime/caps.h"
#include "runtime/idmap.h"
#include "runtime/init.h"
#include "runtime/limits.h"
#include "runtime/network.h"
#include "runtime/seccomp.h"

#define NAMESPACES                                                                                 \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

static const char *const step_text[STEP_COUNT_] = {
	[STEP_CGROUP] = "enter the cgroup",
	[STEP_CLONE] = "make the namespaces",
	[STEP_SYNC] = "wait for the supervisor",
	[STEP_IDS] = "take the container's ids",
	[STEP_MOUNT] = "take the root over",
	[STEP_PROC] = "mount /proc",
	[STEP_SYS] = "mount /sys",
	[STEP_MASK] = "protect /proc and /sys",
	[STEP_PIVOT] = "change the root",
	[STEP_CWD_CHECK] = "check the working folder after the root has changed",
	[STEP_HOSTNAME] = "set the host name",
	[STEP_NETWORK] = "set the network up",
	[STEP_TERMINAL] = "open the terminal",
	[STEP_STDIO] = "connect stdin, stdout and stderr",
	[STEP_LIMITS] = "set resource limits",
	[STEP_PRIVILEGES] = "drop privileges",
	[STEP_SECCOMP] = "install the seccomp filter",
	[STEP_FORK] = "fork",
	[STEP_CWD] = "enter the working folder",
	[STEP_EXEC] = "execute",
	[STEP_JOIN] = "enter the container's namespaces",
};

int container_failed(const struct container_failure *f, const struct container_spec *spec,
		     struct error *err)
{
	const char *text = f->step > 0 && f->step < STEP_COUNT_ ? step_text[f->step] : "start";

	if (f->step == STEP_EXEC)
		return error_set(err, f->error == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM, f->error,
				 "execute '%s'", spec->argv.v[0]);
	if (f->step == STEP_CWD)
		return error_set(err, ERROR_SYSTEM, f->error, "enter the working folder '%s'",
				 spec->cwd ? spec->cwd : "");
	return error_set(err, ERROR_SYSTEM, f->error, "%s", text);
}

void container_report(int fd, enum container_step step, int error)
{
	struct container_failure f = {(int32_t)step, error};
	ssize_t n = write(fd, &f, sizeof(f));

	_exit(n == sizeof(f) ? 125 : 126);
}

enum container_step container_drop(enum spec_profile profile, const struct spec_limits *limits)
{
	uid_t id = profile == SPEC_LAYER ? 0 : INSTANCE_APP_UID;
	uint64_t keep = caps_of_profile(profile);

	if (limits_apply(limits) < 0)
		return STEP_LIMITS;
	if (caps_drop_bounding(keep) < 0 || syscall(SYS_setgroups, 0, NULL) < 0 ||
	    syscall(SYS_setresgid, id, id, id) < 0 || syscall(SYS_setresuid, id, id, id) < 0 ||
	    caps_set(keep) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return STEP_PRIVILEGES;
	return seccomp_install(profile) < 0 ? STEP_SECCOMP : STEP_NONE;
}

void container_exec(const char *cwd, char *const *argv, char *const *env, int report_fd)
{
	const char *path = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
	char full[4096];
	int failed = ENOENT;
	sigset_t none;

	if (chdir(cwd) < 0)
		container_report(report_fd, STEP_CWD, errno);
	/* A folder outside the root shows as "(unreachable)": getcwd(2). */
	if (syscall(SYS_getcwd, full, sizeof(full)) <= 0 || full[0] != '/')
		container_report(report_fd, STEP_CWD_CHECK, EPERM);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(022);
	if (strchr(argv[0], '/')) {
		execve(argv[0], argv, env);
		container_report(report_fd, STEP_EXEC, errno);
	}
	for (char *const *e = env; *e; e++) {
		if (!strncmp(*e, "PATH=", 5))
			path = *e + 5;
	}
	for (const char *p = path; *p; p += *p == ':') {
		size_t len = strcspn(p, ":");

		if (len && len + strlen(argv[0]) + 2 <= sizeof(full)) {
			memcpy(full, p, len);
			full[len] = '/';
			memcpy(full + len + 1, argv[0], strlen(argv[0]) + 1);
			execve(full, argv, env);
			if (errno != ENOENT && errno != ENOTDIR)
				failed = errno;
		}
		p += len;
	}
	container_report(report_fd, STEP_EXEC, failed);
}

/* --- the shim's side ------------------------------------------------------------------------ */

/* The descriptors of one start. Each end is closed by whoever does not use it. */
struct pipes {
	int sync[2];   /* shim to init: one byte when the ids are mapped, one when eth0 is there */
	int report[2]; /* init and program to shim: a container_failure, or the end at exec */
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
};

/* Clones init. Gives the pid, or -1 with errno. */
static pid_t clone_init(void *data)
{
	const struct birth *b = data;
	const struct cgroup *cg = b->setup->cgroup;
	struct clone_args args;
	pid_t pid;

	memset(&args, 0, sizeof(args));
	args.flags = NAMESPACES;
	if (b->sibling)
		args.flags |= CLONE_PARENT;
	else
		args.exit_signal = SIGCHLD;
	if (cg->v2) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (__u64)cg->trees[0].dirfd;
	}
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		init_main(b->setup, b->pipes->sync[0], b->pipes->report[1], b->pipes->sync[1]);
	return pid;
}

static void set_oom_score(pid_t pid, const struct container_setup *setup)
{
	const char *score = setup->spec->profile == SPEC_APP ? "200" : "500";
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, score, 3) != 3)
		return; /* a preference, not a promise */
}

/* Everything that init waits for: its ids, then its interface. */
static int serve_init(const struct container_setup *setup, struct pipes *p, pid_t pid,
		      struct error *err)
{
	uid_t base = instance_range_base(setup->inst, setup->spec->range);
	char path[64];

	if (idmap_write(pid, 0, base, 0, base, INSTANCE_RANGE_SIZE, err) < 0)
		return -1;
	if (write(p->sync[1], "i", 1) != 1)
		return error_set(err, ERROR_SYSTEM, errno, "wake the container");
	set_oom_score(pid, setup);
	if (setup->address) {
		snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
		_cleanup_close_ int netns = open(path, O_RDONLY | O_CLOEXEC);
		if (netns < 0)
			return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
		if (network_attach(setup->inst, netns, setup->address, err) < 0)
			return -1;
	}
	if (write(p->sync[1], "n", 1) != 1)
		return error_set(err, ERROR_SYSTEM, errno, "wake the container");
	return 0;
}

/* The end of the report pipe means that the program was executed. */
static int await_exec(const struct container_setup *setup, int fd, struct error *err)
{
	struct container_failure f;
	ssize_t n;

	do {
		n = read(fd, &f, sizeof(f));
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		return 0;
	if (n != sizeof(f))
		return error_set(err, ERROR_FAILED, 0, "the container ended while it started");
	return container_failed(&f, setup->spec, err);
}

static void kill_and_reap(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int make_init(const struct container_setup *setup, struct pipes *p, pid_t *out_pid,
		     struct error *err)
{
	struct birth birth = {setup, p, !setup->cgroup->v2};
	pid_t pid = birth.sibling ? helper_clone(setup->helper, clone_init, &birth)
				  : clone_init(&birth);

	if (pid < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make the container's namespaces");
	*out_pid = pid;
	p->report[1] = close_fd(p->report[1]);
	p->sync[0] = close_fd(p->sync[0]);
	return 0;
}

static int run(const struct container_setup *setup, struct pipes *p, struct container_run *out,
	       struct error *err)
{
	struct rootfs_view view = {instance_range_base(setup->inst, setup->spec->range),
				   setup->limits.disk, setup->address_text, setup->resolv};

	if (rootfs_mount(setup->inst, setup->spec, setup->rootfs, &view, &out->console, err) < 0 ||
	    make_init(setup, p, &out->pid, err) < 0)
		return -1;
	out->pidfd = (int)syscall(SYS_pidfd_open, out->pid, 0);
	if (out->pidfd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "pidfd_open");
	/* When init has failed meanwhile, its report says more than our broken pipe. */
	if (serve_init(setup, p, out->pid, err) < 0) {
		struct container_failure f;
		struct pollfd end = {p->report[0], POLLIN, 0};

		kill(out->pid, SIGKILL);
		if (poll(&end, 1, 1000) == 1 && read(p->report[0], &f, sizeof(f)) == sizeof(f))
			container_failed(&f, setup->spec, err);
		return -1;
	}
	return await_exec(setup, p->report[0], err);
}

int container_start(const struct container_setup *setup, struct container_run *out,
		    struct error *err)
{
	struct container_run r = {-1, -1, -1};
	struct pipes p;
	int failed;
	_cleanup_close_ int home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

	if (home < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '/proc/self/ns/mnt'");
	if (!setup->cgroup->v2 && !setup->helper->pid &&
	    helper_start(setup->helper, setup->cgroup, err) < 0)
		return -1;
	if (pipes_open(&p, err) < 0)
		return -1;
	failed = run(setup, &p, &r, err);
	pipes_close(&p);
	if (failed)
		kill_and_reap(r.pid);
	helper_release(setup->helper);
	if (setns(home, CLONE_NEWNS) < 0 || chdir("/") < 0)
		failed = failed ? failed : error_set(err, ERROR_SYSTEM, errno, "return");
	if (failed) {
		close_fd(r.pidfd);
		close_fd(r.console);
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
