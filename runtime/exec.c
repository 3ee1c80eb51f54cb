/* SPDX-License-Identifier: MIT */
#include "runtime/exec.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/join.h"
#include "runtime/session.h"

struct exec_request {
	struct strvec argv, env;
	bool tty;
	uint32_t size; /* of the terminal: rows << 16 | columns */
};

static int read_request(struct exec_request *q, struct wire_reader *r, struct error *err)
{
	struct strvec extra = STRVEC_INIT;
	uint32_t tty = wire_get_u32(r);

	q->size = wire_get_u32(r);
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

#define KILL_WAIT_MS 2000

/* Until the program ends, or the client goes: then it is killed with all that it started, but for
 * what took leave with a setsid(2) of its own. */
static void attend(int conn, const struct cgroup *cg, const struct joined *s,
		   struct runtime_result *result)
{
	struct pollfd fds[2] = {{s->pidfd, POLLIN, 0}, {conn, POLLIN, 0}};
	int status = 0;

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (fds[1].revents) {
			int sig = session_read_signal(conn);

			if (sig >= 0)
				syscall(SYS_pidfd_send_signal, s->pidfd, sig ? sig : SIGKILL, NULL,
					0);
			/* not reaped yet, so the number is still its session's */
			if (sig == 0 || sig == SIGKILL)
				cgroup_kill_session(cg, s->pid, KILL_WAIT_MS);
			if (sig == 0)
				fds[1].fd = -1;
		}
		if (fds[0].revents)
			break;
	}
	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
		;
	result->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static struct join join_of(const struct plan *plan, const struct container_run *container,
			   const struct program *program, const int stdio[3])
{
	return (struct join){.pidfd = container->pidfd,
			     .namespaces = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |
					   CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |
					   CLONE_NEWNS,
			     .takes_ids = true,
			     .cgroup = plan->cgroup,
			     .program = program,
			     .stdio = {stdio[0], stdio[1], stdio[2]}};
}

void exec_check(const struct plan *plan, const struct container_run *container,
		const struct strvec *argv, uint32_t timeout_ms, int null_fd, int output)
{
	const int stdio[3] = {null_fd, output, output};
	struct program program;
	struct join join = join_of(plan, container, &program, stdio);
	struct joined s = {-1, -1, -1};
	struct error err = ERROR_INIT;
	int status = 0;

	plan_program(plan, &program);
	program.argv = argv->v;
	program.env = plan->spec->env.v;
	if (join_start(&join, &s, &err) < 0)
		_exit(dprintf(output, "%s\n", err.message) < 0 ? 127 : 126);
	struct pollfd end = {s.pidfd, POLLIN, 0};
	if (poll(&end, 1, (int)timeout_ms) == 0) {
		syscall(SYS_pidfd_send_signal, s.pidfd, SIGKILL, NULL, 0);
		cgroup_kill_session(plan->cgroup, s.pid, KILL_WAIT_MS);
		signal(SIGALRM, SIG_DFL);
		raise(SIGALRM);
	}
	while (waitpid(s.pid, &status, 0) < 0 && errno == EINTR)
		;
	_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

int exec_main(const struct plan *plan, const struct container_run *container,
	      struct wire_frame *frame, struct wire_reader *reader, int conn, const int *stdio)
{
	struct exec_request q = {.tty = false};
	struct program program;
	struct join join = join_of(plan, container, &program, stdio);
	struct runtime_result result;
	struct error err = ERROR_INIT;
	struct joined s = {-1, -1, -1};

	(void)frame;
	memset(&result, 0, sizeof(result));
	strvec_init(&q.argv);
	strvec_init(&q.env);
	strvec_push_all(&q.env, plan->spec->env.v);
	plan_program(plan, &program);
	if (read_request(&q, reader, &err) < 0) {
		wire_send_error(conn, &err);
		return 1;
	}
	program.argv = q.argv.v;
	program.env = q.env.v;
	join.tty = q.tty;
	join.rows = (unsigned short)(q.size >> 16);
	join.columns = (unsigned short)q.size;
	if (join_start(&join, &s, &err) < 0) {
		wire_send_error(conn, &err);
		return 1;
	}
	wire_send(conn, WIRE_OK, NULL, &s.console, s.console >= 0, NULL);
	s.console = close_fd(s.console);
	for (int i = 0; i < 3; i++)
		close_fd(stdio[i]);
	attend(conn, plan->cgroup, &s, &result);
	session_send_result(conn, &result);
	return 0;
}
