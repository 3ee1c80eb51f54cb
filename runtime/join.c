/* SPDX-License-Identifier: MIT */
#include "runtime/join.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/step.h"
#include "runtime/terminal.h"

#define PROC "/proc/"

struct joining {
	const struct join *join;
	int report[2]; /* the program's: step_reports, or the end at exec */
	int pids[2];   /* the joiner's: the program's pid in our numbers, or -errno */
	int console[2];
	int proc; /* the host's, while there is a label to set, or -1 */
};

static void check(int failed, const struct joining *j, enum step step)
{
	step_check(failed, j->report[1], step, NULL);
}

static int open_terminal(const struct joining *j, uid_t uid)
{
	struct winsize size = {j->join->rows, j->join->columns, 0, 0};
	int master, slave;

	check(terminal_open(AT_FDCWD, "/dev/pts/ptmx", uid, &master, &slave), j, STEP_TERMINAL);
	if (size.ws_row || size.ws_col)
		check(ioctl(master, TIOCSWINSZ, &size), j, STEP_TERMINAL);
	check(terminal_pass(j->console[1], "c", 1, master), j, STEP_TERMINAL);
	close(master);
	return slave;
}

/* The kernel takes it from the process alone that opened the file, and only the host's /proc is
 * sure to be one. */
static void set_label(const struct joining *j)
{
	const struct join *q = j->join;
	_cleanup_close_ int fd = -1;

	if (j->proc < 0)
		return;
	fd = openat(j->proc, q->label_file + strlen(PROC), O_WRONLY | O_CLOEXEC);
	check(fd < 0 || write(fd, q->label, strlen(q->label)) != (ssize_t)strlen(q->label), j,
	      STEP_LABEL);
}

/* The program itself, in all namespaces. */
static void run(const struct joining *j) __attribute__((noreturn));
static void run(const struct joining *j)
{
	const struct join *q = j->join;
	struct program program = *q->program;
	int fds[3], terminal = -1;
	const char *subject;
	enum step step;

	if (!q->stays)
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	check(setsid() < 0, j, STEP_TERMINAL);
	step = program_identify(&program, AT_FDCWD);
	if (step != STEP_NONE)
		step_fail(j->report[1], step, program.user, errno);
	if (q->tty)
		terminal = open_terminal(j, program.uid);
	for (int i = 0; i < 3; i++) {
		fds[i] = fcntl(q->tty ? terminal : q->stdio[i], F_DUPFD_CLOEXEC, 3);
		check(fds[i] < 0, j, STEP_STDIO);
	}
	for (int i = 0; i < 3; i++)
		check(dup2(fds[i], i) < 0, j, STEP_STDIO);
	check(close_range(3 + q->keep_fds, ~0u, CLOSE_RANGE_CLOEXEC), j, STEP_STDIO);
	if (q->tty)
		check(ioctl(0, TIOCSCTTY, 0) < 0, j, STEP_TERMINAL);
	for (int sig = 1; sig < _NSIG; sig++)
		signal(sig, SIG_DFL);
	set_label(j);
	step = program_become(&program, &subject);
	if (step != STEP_NONE)
		step_fail(j->report[1], step, subject, errno);
	if (!q->stays)
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	program_exec(&program, j->report[1]);
}

/* Joins the container and has the program cloned as a sibling, so that only that enters the pid
 * namespace. The pidfd names the namespaces: nothing inside is trusted, and neither of these
 * processes can be traced from there (not dumpable). */
static void enter(struct joining *j) __attribute__((noreturn));
static void enter(struct joining *j)
{
	const struct join *q = j->join;
	struct clone_args args = {.flags = CLONE_PARENT};
	int32_t answer;
	pid_t pid;

	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	check(cgroup_enter(q->cgroup), j, STEP_CGROUP);
	if (q->label_file) {
		j->proc = open(PROC, O_PATH | O_DIRECTORY | O_CLOEXEC);
		check(j->proc < 0, j, STEP_LABEL);
	}
	check((q->namespaces && setns(q->pidfd, q->namespaces) < 0) || chdir("/") < 0, j,
	      STEP_JOIN);
	if (q->takes_ids)
		check(syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0, j,
		      STEP_IDS);
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		run(j);
	answer = pid < 0 ? -errno : pid;
	_exit(write(j->pids[1], &answer, sizeof(answer)) == sizeof(answer) ? 0 : 1);
}

static void joining_release(struct joining *j)
{
	for (int i = 0; i < 2; i++) {
		j->report[i] = close_fd(j->report[i]);
		j->pids[i] = close_fd(j->pids[i]);
		j->console[i] = close_fd(j->console[i]);
	}
}

static void close_theirs(struct joining *j)
{
	j->report[1] = close_fd(j->report[1]);
	j->pids[1] = close_fd(j->pids[1]);
	j->console[1] = close_fd(j->console[1]);
}

int join_start(const struct join *join, struct joined *out, struct error *err)
{
	_cleanup_(joining_release) struct joining j = {join, {-1, -1}, {-1, -1}, {-1, -1}, -1};
	struct step_report r;
	int32_t answer = 0;
	pid_t joiner;
	int n;

	if (pipe2(j.report, O_CLOEXEC) < 0 || pipe2(j.pids, O_CLOEXEC) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, j.console) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a pipe");
	joiner = fork();
	if (joiner < 0)
		return error_set(err, ERROR_SYSTEM, errno, "fork");
	if (joiner == 0)
		enter(&j);
	close_theirs(&j);
	if (read(j.pids[0], &answer, sizeof(answer)) != sizeof(answer))
		answer = 0;
	while (waitpid(joiner, NULL, 0) < 0 && errno == EINTR)
		;
	n = step_read(j.report[0], &r);
	if (n != 0 || answer <= 0) {
		if (answer > 0)
			while (waitpid(answer, NULL, 0) < 0 && errno == EINTR)
				;
		if (n == 1)
			return step_error(&r, err);
		return error_set(err, ERROR_SYSTEM, answer < 0 ? -answer : 0,
				 "enter the container");
	}
	out->pid = answer;
	out->pidfd = (int)syscall(SYS_pidfd_open, out->pid, 0);
	if (out->pidfd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "pidfd_open");
	out->console = join->tty ? terminal_take(j.console[0]) : -1;
	return 0;
}
