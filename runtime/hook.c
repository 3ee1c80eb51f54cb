/* SPDX-License-Identifier: MIT */
#include "runtime/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

/* --- reading -------------------------------------------------------------------------------- */

static void read_hook(struct fields *f, json_t *json, struct hook *out)
{
	const char *path = fields_string(f, json, "path");
	json_t *args = fields_array(f, json, "args");

	if (!json_is_object(json) || !path || path[0] != '/')
		fields_bad(f, "'hooks': expected objects with an absolute 'path'");
	out->path = path;
	out->argv = fields_texts(f, args, "args");
	if (!out->argv[0] && path) {
		free(out->argv);
		out->argv = xcalloc(2, sizeof(*out->argv));
		memcpy(&out->argv[0], &path, sizeof(path));
	}
	out->env = fields_texts(f, fields_array(f, json, "env"), "env");
	if (fields_number(f, json, "timeout", INT64_MIN, INT32_MAX, &out->timeout_s) &&
	    out->timeout_s <= 0)
		fields_bad(f, "hook '%s': 'timeout' must be more than 0", path ? path : "");
}

static const char *const kind_names[HOOK_KINDS] = {
	"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"};

const char *hook_kind_name(size_t kind)
{
	return kind < HOOK_KINDS ? kind_names[kind] : NULL;
}

void hook_lists_read(struct fields *f, json_t *hooks, struct hook_list lists[HOOK_KINDS])
{
	for (int k = 0; k < HOOK_KINDS; k++) {
		json_t *list = fields_array(f, hooks, kind_names[k]);

		lists[k].n = (unsigned)json_array_size(list);
		lists[k].v = lists[k].n ? xcalloc(lists[k].n, sizeof(struct hook)) : NULL;
		for (unsigned i = 0; i < lists[k].n; i++)
			read_hook(f, json_array_get(list, i), &lists[k].v[i]);
	}
}

void hook_lists_release(struct hook_list lists[HOOK_KINDS])
{
	for (int k = 0; k < HOOK_KINDS; k++) {
		for (unsigned i = 0; i < lists[k].n; i++) {
			free(lists[k].v[i].argv);
			free(lists[k].v[i].env);
		}
		free(lists[k].v);
		lists[k].v = NULL;
		lists[k].n = 0;
	}
}

/* --- running -------------------------------------------------------------------------------- */

static void execute(const struct hook *h, int in, int report) __attribute__((noreturn));
static void execute(const struct hook *h, int in, int report)
{
	sigset_t none;
	int failed;

	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int sig = 1; sig < _NSIG; sig++)
		signal(sig, SIG_DFL);
	/* what it prints must not get into the container's own output */
	if (dup2(in, 0) >= 0 && dup2(2, 1) >= 0 && close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
		execve(h->path, h->argv, h->env);
	failed = errno;
	_exit(write(report, &failed, sizeof(failed)) == sizeof(failed) ? 127 : 126);
}

static int await_end(const struct hook *h, pid_t pid)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd end = {pidfd, POLLIN, 0};
	bool late = h->timeout_s && poll(&end, 1, (int)(h->timeout_s * 1000)) == 0;
	int status = 0;

	if (late) {
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (late)
		return -ETIMEDOUT;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int hook_run(const struct hook *h, const char *state, size_t len)
{
	/* a file, so that a hook that does not read it blocks nobody */
	_cleanup_close_ int in = memfd_create("state", MFD_CLOEXEC);
	int report[2], failed = 0, result;
	pid_t pid;

	if (in < 0 || pwrite(in, state, len, 0) != (ssize_t)len)
		return -errno;
	if (pipe2(report, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		execute(h, in, report[1]);
	close(report[1]);
	if (pid < 0) {
		close(report[0]);
		return -errno;
	}
	if (read(report[0], &failed, sizeof(failed)) != sizeof(failed))
		failed = 0;
	close(report[0]);
	result = await_end(h, pid);
	return failed ? -failed : result;
}

int hook_run_all(const struct hook_list *list, const char *state, struct error *err)
{
	for (unsigned i = 0; i < list->n; i++) {
		int r = hook_run(&list->v[i], state, strlen(state));

		if (r < 0)
			return error_set(err, ERROR_FAILED, -r, "run the hook '%s'",
					 list->v[i].path);
		if (r > 0)
			return error_set(err, ERROR_FAILED, 0, "hook '%s' ended with status %d",
					 list->v[i].path, r);
	}
	return 0;
}
