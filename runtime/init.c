/* SPDX-License-Identifier: MIT */
#include "runtime/init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/network.h"

#define SAFE (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static void check(int failed, int report, enum container_step step)
{
	if (failed)
		container_report(report, step, errno);
}

static void await(int sync, int report)
{
	char byte;
	ssize_t n;

	do {
		n = read(sync, &byte, 1);
	} while (n < 0 && errno == EINTR);
	if (n != 1)
		container_report(report, STEP_SYNC, n < 0 ? errno : EPIPE);
}

/* PATH shows nothing: an empty folder, or /dev/null. One that does not exist is fine. */
static int mask(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -1;
	return mount(S_ISDIR(st.st_mode) ? "e" : "r/dev/null", path, NULL, MS_BIND, NULL);
}

static int protect(const char *path)
{
	if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0)
		return errno == ENOENT ? 0 : -1;
	return mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | SAFE, NULL);
}

static void mount_kernel(int report, bool v2)
{
	static const char *const masked[] = {
		"r/proc/acpi",
		"r/proc/asound",
		"r/proc/interrupts",
		"r/proc/kcore",
		"r/proc/keys",
		"r/proc/latency_stats",
		"r/proc/timer_list",
		"r/proc/timer_stats",
		"r/proc/sched_debug",
		"r/proc/scsi",
		"r/proc/kallsyms",
		"r/proc/kpagecount",
		"r/proc/kpageflags",
		"r/proc/kpagecgroup",
		"r/proc/key-users",
		"r/proc/modules",
		"r/proc/vmallocinfo",
		"r/proc/slabinfo",
		"r/sys/firmware",
		"r/sys/kernel/debug",
		"r/sys/kernel/security",
		"r/sys/kernel/tracing",
		"r/sys/devices/virtual/powercap",
		"r/sys/fs/bpf",
		"r/sys/fs/pstore",
		"r/sys/kernel/config",
		"r/sys/module",
	};
	static const char *const read_only[] = {"r/proc/bus", "r/proc/fs", "r/proc/irq",
						"r/proc/sys", "r/proc/sysrq-trigger"};

	check(mount("proc", "r/proc", "proc", SAFE, NULL), report, STEP_PROC);
	/* Where the host's /sys is covered in part, the kernel gives no fresh one: then none. */
	if (mount("sysfs", "r/sys", "sysfs", SAFE | MS_RDONLY, NULL) < 0)
		check(errno != EPERM || mount("e", "r/sys", NULL, MS_BIND, NULL) < 0, report,
		      STEP_SYS);
	if (v2 && mount("cgroup", "r/sys/fs/cgroup", "cgroup2", SAFE | MS_RDONLY, NULL) < 0 &&
	    mount("e", "r/sys/fs/cgroup", NULL, MS_BIND, NULL) < 0 && errno != ENOENT)
		check(-1, report, STEP_SYS);
	for (size_t i = 0; i < ARRAY_SIZE(masked); i++)
		check(mask(masked[i]), report, STEP_MASK);
	for (size_t i = 0; i < ARRAY_SIZE(read_only); i++)
		check(protect(read_only[i]), report, STEP_MASK);
}

/* "." becomes the root and the old one goes, as pivot_root(2) describes under "." and ".". */
static void pivot(int report)
{
	struct stat root, here;

	check(chdir("r"), report, STEP_PIVOT);
	check(syscall(SYS_pivot_root, ".", ".") < 0, report, STEP_PIVOT);
	check(umount2(".", MNT_DETACH), report, STEP_PIVOT);
	check(chdir("/"), report, STEP_PIVOT);
	check(stat("/", &root) < 0 || stat(".", &here) < 0, report, STEP_CWD_CHECK);
	if (root.st_dev != here.st_dev || root.st_ino != here.st_ino)
		container_report(report, STEP_CWD_CHECK, EPERM);
}

static void connect_stdio(const struct container_setup *setup, int *report, int *sync)
{
	int fds[3], high;

	for (int i = 0; i < 3; i++)
		fds[i] = setup->stdio[i];
	if (setup->spec->tty) {
		int tty = open("/dev/pts/0", O_RDWR | O_NOCTTY | O_CLOEXEC);

		check(tty < 0, *report, STEP_TERMINAL);
		fds[0] = fds[1] = fds[2] = tty;
	}
	/* Out of the way of 0, 1 and 2 first, then into place; everything else is closed. */
	for (int i = 0; i < 3; i++) {
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 16);
		check(fds[i] < 0, *report, STEP_STDIO);
	}
	high = fcntl(*report, F_DUPFD_CLOEXEC, 16);
	check(high < 0, *report, STEP_STDIO);
	*report = high;
	high = fcntl(*sync, F_DUPFD_CLOEXEC, 16);
	check(high < 0, *report, STEP_STDIO);
	*sync = high;
	for (int i = 0; i < 3; i++)
		check(dup2(fds[i], i) < 0, *report, STEP_STDIO);
	check(dup3(*report, 3, O_CLOEXEC) < 0, *report, STEP_STDIO);
	*report = 3;
	check(dup3(*sync, 4, O_CLOEXEC) < 0, *report, STEP_STDIO);
	*sync = 4;
	check(close_range(5, ~0u, 0), *report, STEP_STDIO);
}

/* Waits for children and for orders from outside (whose sender has no pid in here). */
static void reap(pid_t program) __attribute__((noreturn));
static void reap(pid_t program)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, CONTAINER_SIGNAL);
	for (;;) {
		siginfo_t info;
		int status;
		pid_t pid;

		while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
			if (pid == program)
				_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status)
							  : WEXITSTATUS(status));
		}
		if (sigwaitinfo(&set, &info) < 0 || info.si_pid != 0)
			continue;
		if (info.si_signo == SIGTERM)
			kill(-1, SIGTERM);
		else if (info.si_signo == CONTAINER_SIGNAL)
			kill(program, info.si_value.sival_int);
	}
}

struct program {
	const struct container_setup *setup;
	int report;
};

/* Shares init's memory until it executes: nothing is copied, and init waits. */
static int run_program(void *data)
{
	const struct program *p = data;
	const struct container_spec *spec = p->setup->spec;
	const char *cwd = spec->profile == SPEC_LAYER ? "/" : "/app";

	check(setsid() < 0, p->report, STEP_TERMINAL);
	if (spec->tty)
		check(ioctl(0, TIOCSCTTY, 0) < 0, p->report, STEP_TERMINAL);
	container_exec(spec->cwd ? spec->cwd : cwd, spec->argv.v, spec->env.v, p->report);
}

void init_main(const struct container_setup *setup, int sync, int report, int shim_end)
{
	const struct container_spec *spec = setup->spec;
	static _Alignas(16) char stack[32768];
	const char *host = spec->hostname ? spec->hostname : spec->id;
	struct program program;
	struct pollfd parent;
	enum container_step step;
	sigset_t all;
	pid_t pid;
	int r;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	prctl(PR_SET_NAME, "berth-init", 0, 0, 0);
	close(shim_end);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (int sig = 1; sig < 32; sig++)
		signal(sig, SIG_DFL);
	umask(022);
	await(sync, report);
	check(syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0 ||
		      syscall(SYS_setgroups, 0, NULL) < 0,
	      report, STEP_IDS);
	check(unshare(CLONE_NEWCGROUP), report, STEP_CGROUP);
	/* The copied mounts are locked together; a copy of our own can become the root. */
	check(mount("r", "r", NULL, MS_BIND | MS_REC, NULL), report, STEP_MOUNT);
	mount_kernel(report, setup->cgroup->v2);
	pivot(report);
	check(sethostname(host, strlen(host)), report, STEP_HOSTNAME);
	connect_stdio(setup, &report, &sync);
	await(sync, report);
	r = network_configure_inside(setup->address, setup->gateway);
	if (r < 0)
		container_report(report, STEP_NETWORK, -r);
	step = container_drop(spec->profile, &setup->limits);
	if (step != STEP_NONE)
		container_report(report, step, errno);
	/* Changing ids cleared it; a shim that died in between has closed its end. */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	parent = (struct pollfd){sync, POLLIN, 0};
	if (poll(&parent, 1, 0) > 0 && (parent.revents & POLLHUP))
		container_report(report, STEP_SYNC, EPIPE);
	program = (struct program){setup, report};
	pid = clone(run_program, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &program);
	check(pid < 0, report, STEP_FORK);
	close_range(0, ~0u, 0);
	reap(pid);
}
