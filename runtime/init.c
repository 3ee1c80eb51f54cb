/* SPDX-License-Identifier: MIT */
#include "runtime/init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/eth0.h"
#include "runtime/terminal.h"

struct first {
	const struct container_setup *setup;
	struct program program; /* with its user settled, once the root is there */
	int report, sync;
	int root;     /* until it is entered */
	int terminal; /* -1: none */
	int label;    /* open for writing, or -1 */
};

static void check(int failed, const struct first *f, enum step step)
{
	step_check(failed, f->report, step, NULL);
}

static void check_step(enum step step, const struct first *f, const char *subject)
{
	if (step != STEP_NONE)
		step_fail(f->report, step, subject, errno);
}

static void await(const struct first *f)
{
	char byte;
	ssize_t n;

	do {
		n = read(f->sync, &byte, 1);
	} while (n < 0 && errno == EINTR);
	if (n != 1)
		step_fail(f->report, STEP_SYNC, NULL, n < 0 ? errno : EPIPE);
}

static void take_ids(const struct first *f)
{
	const struct container_setup *setup = f->setup;

	if (setup->takes_ids)
		check(syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0 ||
			      (!setup->program->keep_groups && syscall(SYS_setgroups, 0, NULL) < 0),
		      f, STEP_IDS);
}

/* Its root is the cgroup that the process is in: not before it is there for certain. */
static void take_cgroup(const struct first *f)
{
	if (f->setup->namespaces & CLONE_NEWCGROUP)
		check(unshare(CLONE_NEWCGROUP), f, STEP_CGROUP);
}

static void set_names(const struct first *f)
{
	const struct container_setup *s = f->setup;

	if (s->hostname)
		check(sethostname(s->hostname, strlen(s->hostname)), f, STEP_HOSTNAME);
	if (s->domainname)
		check(setdomainname(s->domainname, strlen(s->domainname)), f, STEP_HOSTNAME);
}

static void open_terminal(struct first *f)
{
	const struct container_setup *setup = f->setup;
	struct winsize size = {setup->rows, setup->columns, 0, 0};
	int master;

	if (!setup->tty)
		return;
	check(terminal_open(f->root, "/dev/pts/ptmx", f->program.uid, &master, &f->terminal), f,
	      STEP_TERMINAL);
	if (size.ws_row || size.ws_col)
		check(ioctl(master, TIOCSWINSZ, &size), f, STEP_TERMINAL);
	check(setup->root->console && root_console(f->root, f->terminal) < 0, f, STEP_TERMINAL);
	check(terminal_pass(setup->console_to, "/dev/ptmx", 9, master), f, STEP_TERMINAL);
	close(master);
}

/* While the host's /proc can be seen, which no image can put in the place of. */
static void open_label(struct first *f)
{
	if (!f->setup->label_file)
		return;
	f->label = open(f->setup->label_file, O_WRONLY | O_CLOEXEC);
	if (f->label < 0)
		step_fail(f->report, STEP_LABEL, f->setup->label, errno);
}

static void build_root(struct first *f)
{
	const struct container_setup *setup = f->setup;
	const char *subject = NULL;
	enum step step = root_build(setup->root, &f->root, &subject);

	check_step(step, f, subject);
	check_step(program_identify(&f->program, f->root), f, f->program.user);
	open_terminal(f);
	open_label(f);
	if (setup->staged) {
		step_tell(f->report, STEP_BUILT, NULL, 0);
		await(f);
		take_cgroup(f);
	}
	if (setup->inside) {
		step = setup->inside(setup->data, &f->program, &subject);
		check_step(step, f, subject);
	}
	step = root_enter(setup->root, f->root, &subject);
	check_step(step, f, subject);
	f->root = close_fd(f->root);
}

static void connect_stdio(struct first *f)
{
	const struct container_setup *setup = f->setup;
	int fds[3];

	/* Out of the way of 0, 1 and 2 first, then into place. What is not for the program is
	 * closed by its exec, and by init itself. */
	for (int i = 0; i < 3; i++) {
		fds[i] = f->terminal >= 0 ? f->terminal : setup->stdio[i];
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
		check(fds[i] < 0, f, STEP_STDIO);
	}
	for (int i = 0; i < 3; i++)
		check(dup2(fds[i], i) < 0, f, STEP_STDIO);
	check(close_range(3 + setup->keep_fds, ~0u, CLOSE_RANGE_CLOEXEC), f, STEP_STDIO);
}

/* The pipe belongs to the program, which may open /dev/stderr anew: whom that is was not known
 * where it was made. What is somebody's outside stays so. */
static void own_output(const struct first *f)
{
	if (f->program.user && fchown(1, f->program.uid, f->program.gid) < 0)
		errno = 0;
}

static void set_up_network(const struct first *f)
{
	int r = 0;

	if (f->setup->loopback)
		r = eth0_configure(f->setup->address, f->setup->gateway, f->setup->ipv6);
	if (r < 0)
		step_fail(f->report, STEP_NETWORK, NULL, -r);
	if (f->setup->linked) {
		step_tell(f->report, STEP_LINKED, NULL, 0);
		await(f);
	}
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

static void control_terminal(const struct first *f)
{
	check(setsid() < 0, f, STEP_TERMINAL);
	if (f->terminal >= 0)
		check(ioctl(0, TIOCSCTTY, 0) < 0, f, STEP_TERMINAL);
}

/* Shares init's memory until it executes: nothing is copied, and init waits. */
static int run_program(void *data)
{
	const struct first *f = data;

	control_terminal(f);
	program_exec(&f->program, f->report);
}

/* Stays, as init. */
static void fork_and_reap(struct first *f) __attribute__((noreturn));
static void fork_and_reap(struct first *f)
{
	static _Alignas(16) char stack[32768];
	const char *subject;
	struct pollfd parent;
	enum step step;
	pid_t pid;

	step = program_become(&f->program, &subject);
	check_step(step, f, subject);
	/* Changing ids cleared it; a caller that died in between has closed its end. */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	parent = (struct pollfd){f->sync, POLLIN, 0};
	if (poll(&parent, 1, 0) > 0 && (parent.revents & POLLHUP))
		step_fail(f->report, STEP_SYNC, NULL, EPIPE);
	pid = clone(run_program, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, f);
	check(pid < 0, f, STEP_FORK);
	/* the folder is the program's */
	if (chdir("/") < 0)
		_exit(125);
	close_range(0, ~0u, 0);
	reap(pid);
}

/* From here on, failures are for whoever opened the gate. */
static void pass_gate(struct first *f)
{
	int conn;

	if (f->setup->gate < 0)
		return;
	step_tell(f->report, STEP_READY, NULL, 0);
	f->report = close_fd(f->report);
	do {
		conn = accept4(f->setup->gate, NULL, NULL, SOCK_CLOEXEC);
	} while (conn < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (conn < 0)
		_exit(125);
	f->report = conn;
}

/* Becomes the program. */
static void become_program(struct first *f) __attribute__((noreturn));
static void become_program(struct first *f)
{
	const struct container_setup *setup = f->setup;
	const char *subject = NULL, *file;
	enum step step;
	char buf[4096];
	int failed = program_find(&f->program, buf, sizeof(buf), &file);

	/* one that has no program can be made, and not be started */
	if (failed && f->program.argv[0])
		step_fail(f->report, STEP_EXEC, f->program.argv[0], failed);
	control_terminal(f);
	pass_gate(f);
	if (setup->before_exec)
		check_step(setup->before_exec(setup->data, &subject), f, subject);
	if (f->label >= 0 &&
	    write(f->label, setup->label, strlen(setup->label)) != (ssize_t)strlen(setup->label))
		step_fail(f->report, STEP_LABEL, setup->label, errno);
	if (setup->personality != ~0ul)
		check(personality(setup->personality) < 0, f, STEP_PRIVILEGES);
	step = program_become(&f->program, &subject);
	check_step(step, f, subject);
	program_exec(&f->program, f->report);
}

void init_main(const struct container_setup *setup, int sync, int report, int caller_end)
{
	struct first f = {setup, *setup->program, report, sync, -1, -1, -1};
	sigset_t all;

	if (!setup->stays)
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	prctl(PR_SET_NAME, "berth-init", 0, 0, 0);
	close(caller_end);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (int sig = 1; sig < _NSIG; sig++)
		signal(sig, SIG_DFL);
	umask(0);
	await(&f);
	take_ids(&f);
	if (!setup->staged)
		take_cgroup(&f);
	build_root(&f);
	set_names(&f);
	connect_stdio(&f);
	own_output(&f);
	if (!setup->staged)
		await(&f);
	set_up_network(&f);
	if (setup->reaper)
		fork_and_reap(&f);
	become_program(&f);
}
