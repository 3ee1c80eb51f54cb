/* SPDX-License-Identifier: MIT */
#include "runtime/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "runtime/shim.h"

struct exec_request {
	const struct container_setup *setup;
	int pidfd; /* of init */
	const char *cwd;
	struct strvec argv, env;
	bool tty;
	int stdio[3];
	int console_to; /* a socket on which the terminal's master goes back */
	int report;
};

/* Sends the descriptor FD over SOCK: system calls only. */
static int pass_fd(int sock, int fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char byte = 'c';
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};

	memset(&control, 0, sizeof(control));
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(int));
	return sendmsg(sock, &msg, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

/* A terminal of the container's own devpts; its name inside is as the kernel numbers it. */
static void open_terminal(struct exec_request *q)
{
	uid_t user = q->setup->spec->profile == SPEC_LAYER ? 0 : INSTANCE_APP_UID;
	int unlock = 0, slave;
	int master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW);

	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0)
		container_report(q->report, STEP_TERMINAL, errno);
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || fchown(slave, user, 5) < 0 || pass_fd(q->console_to, master) < 0)
		container_report(q->report, STEP_TERMINAL, errno);
	close(master);
	for (int i = 0; i < 3; i++)
		q->stdio[i] = slave;
}

/* The program itself, in all namespaces: a child of the session's process. */
static void run(struct exec_request *q)
{
	enum container_step step;
	int high[3], report;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (setsid() < 0)
		container_report(q->report, STEP_TERMINAL, errno);
	if (q->tty)
		open_terminal(q);
	report = fcntl(q->report, F_DUPFD_CLOEXEC, 16);
	for (int i = 0; i < 3; i++) {
		high[i] = fcntl(q->stdio[i], F_DUPFD_CLOEXEC, 16);
		if (high[i] < 0 || report < 0)
			container_report(q->report, STEP_STDIO, errno);
	}
	for (int i = 0; i < 3; i++) {
		if (dup2(high[i], i) < 0)
			container_report(report, STEP_STDIO, errno);
	}
	if (dup3(report, 3, O_CLOEXEC) < 0 || close_range(4, ~0u, 0) < 0)
		container_report(report, STEP_STDIO, errno);
	if (q->tty && ioctl(0, TIOCSCTTY, 0) < 0)
		container_report(3, STEP_TERMINAL, errno);
	for (int sig = 1; sig < 32; sig++)
		signal(sig, SIG_DFL);
	step = container_drop(q->setup->spec->profile, &q->setup->limits);
	if (step != STEP_NONE)
		container_report(3, step, errno);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	container_exec(q->cwd, q->argv.v, q->env.v, 3);
}

/* Joins the container and has the program cloned as a sibling, so that only that enters the pid
 * namespace. init's pidfd names the namespaces: nothing inside is trusted, and neither of these
 * processes can be traced from there (not dumpable). */
static void join(struct exec_request *q, int pid_to)
{
	struct clone_args args = {.flags = CLONE_PARENT};
	int32_t answer;
	pid_t pid;

	if (cgroup_enter(q->setup->cgroup) < 0)
		container_report(q->report, STEP_CGROUP, errno);
	if (setns(q->pidfd, CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
				    CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWNS) < 0 ||
	    chdir("/") < 0)
		container_report(q->report, STEP_JOIN, errno);
	if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
		container_report(q->report, STEP_IDS, errno);
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		run(q);
	answer = pid < 0 ? -errno : pid;
	_exit(write(pid_to, &answer, sizeof(answer)) == sizeof(answer) ? 0 : 1);
}

static int take_console(int sock)
{
	struct wire_frame f;
	char byte;
	int fds[8];
	size_t n = 0;

	(void)f;
	if (sock_recv(sock, &byte, 1, fds, &n, NULL) != 1 || n < 1)
		return -1;
	return fds[0];
}

struct started {
	pid_t pid;
	int pidfd;
	int console;
};

static int start(struct exec_request *q, struct started *out, struct error *err)
{
	int report[2] = {-1, -1}, pids[2] = {-1, -1}, console[2] = {-1, -1};
	struct container_failure f;
	int32_t answer = 0;
	ssize_t n;
	pid_t joiner;

	if (pipe2(report, O_CLOEXEC) < 0 || pipe2(pids, O_CLOEXEC) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, console) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a pipe");
	q->report = report[1];
	q->console_to = console[1];
	joiner = fork();
	if (joiner < 0)
		return error_set(err, ERROR_SYSTEM, errno, "fork");
	if (joiner == 0)
		join(q, pids[1]);
	close(report[1]);
	close(pids[1]);
	close(console[1]);
	if (read(pids[0], &answer, sizeof(answer)) != sizeof(answer))
		answer = 0;
	while (waitpid(joiner, NULL, 0) < 0 && errno == EINTR)
		;
	n = read(report[0], &f, sizeof(f));
	if (n == sizeof(f)) {
		/* The shim's own spec would name the wrong program. */
		if (f.step == STEP_EXEC)
			return error_set(err, f.error == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM,
					 f.error, "execute '%s'", q->argv.v[0]);
		return container_failed(&f, q->setup->spec, err);
	}
	if (answer <= 0)
		return error_set(err, ERROR_SYSTEM, answer < 0 ? -answer : 0,
				 "enter the container");
	out->pid = answer;
	out->pidfd = (int)syscall(SYS_pidfd_open, out->pid, 0);
	out->console = q->tty ? take_console(console[0]) : -1;
	close(console[0]);
	close(report[0]);
	close(pids[0]);
	if (out->pidfd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "pidfd_open");
	return 0;
}

static int read_request(struct exec_request *q, struct wire_reader *r, struct error *err)
{
	struct strvec extra = STRVEC_INIT;
	uint32_t tty = wire_get_u32(r);

	wire_get_list(r, &q->argv, SPEC_MAX_ARGS, 1u << 20);
	wire_get_list(r, &extra, SPEC_MAX_ARGS, 1u << 20);
	q->tty = tty != 0;
	for (size_t i = 0; i < extra.n; i++) {
		char *eq = strchr(extra.v[i], '=');

		if (!eq || eq == extra.v[i]) {
			r->bad = true;
			break;
		}
		*eq = '\0';
		strvec_setenv(&q->env, extra.v[i], eq + 1);
	}
	strvec_release(&extra);
	if (!wire_reader_done(r) || tty > 1 || !q->argv.n || !q->argv.v[0][0])
		return error_set(err, ERROR_INVALID, 0, "the request is malformed");
	return 0;
}

/* Until the program ends, or the client goes: then it is killed. */
static void attend(int conn, const struct started *s, struct runtime_result *result)
{
	struct pollfd fds[2] = {{s->pidfd, POLLIN, 0}, {conn, POLLIN, 0}};
	int status = 0;

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (fds[1].revents) {
			int sig = shim_read_signal(conn);

			if (sig == 0) {
				syscall(SYS_pidfd_send_signal, s->pidfd, SIGKILL, NULL, 0);
				fds[1].fd = -1;
			} else if (sig > 0) {
				syscall(SYS_pidfd_send_signal, s->pidfd, sig, NULL, 0);
			}
		}
		if (fds[0].revents)
			break;
	}
	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
		;
	result->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int exec_main(const struct container_setup *setup, const struct container_run *container,
	      struct wire_frame *frame, struct wire_reader *reader, int conn, const int *stdio)
{
	struct exec_request q = {.setup = setup, .pidfd = container->pidfd};
	struct runtime_result result;
	struct error err = ERROR_INIT;
	struct started s = {-1, -1, -1};

	(void)frame;
	memset(&result, 0, sizeof(result));
	strvec_init(&q.argv);
	strvec_init(&q.env);
	strvec_push_all(&q.env, setup->spec->env.v);
	q.cwd = setup->spec->cwd ? setup->spec->cwd
				 : (setup->spec->profile == SPEC_LAYER ? "/" : "/app");
	for (int i = 0; i < 3; i++)
		q.stdio[i] = stdio[i];
	if (read_request(&q, reader, &err) < 0 || start(&q, &s, &err) < 0) {
		wire_send_error(conn, &err);
		return 1;
	}
	wire_send(conn, WIRE_OK, NULL, &s.console, s.console >= 0, NULL);
	s.console = close_fd(s.console);
	for (int i = 0; i < 3; i++)
		close_fd(stdio[i]);
	attend(conn, &s, &result);
	shim_send_result(conn, &result);
	return 0;
}
