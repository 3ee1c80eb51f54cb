/* SPDX-License-Identifier: MIT */
#include "runtime/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/ioprio.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "instance/instance.h"
#include "runtime/place.h"
#include "runtime/spec.h"
#include "runtime/terminal.h"

/* The last id of a container's range. */
#define MAX_ID (INSTANCE_RANGE_SIZE - 1)

static int set_rlimit(const struct program_rlimit *r)
{
	struct rlimit now, value = r->value;

	if (setrlimit((__rlimit_resource_t)r->resource, &value) == 0)
		return 0;
	/* without CAP_SYS_RESOURCE the hard limit only goes down */
	if (errno != EPERM || !r->clamp || getrlimit((__rlimit_resource_t)r->resource, &now) < 0)
		return -1;
	value.rlim_max = now.rlim_max;
	if (value.rlim_cur > value.rlim_max)
		value.rlim_cur = value.rlim_max;
	return setrlimit((__rlimit_resource_t)r->resource, &value);
}

static int install_filters(const struct program *p)
{
	for (unsigned i = 0; i < p->n_filters; i++) {
		bool listens = p->listener_to >= 0 && i == 0;
		unsigned flags = p->filter_flags;
		int fd;

		if (listens)
			flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
		fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, p->filters[i]);
		if (fd < 0)
			return -1;
		if (listens) {
			int failed = terminal_pass(p->listener_to, p->listener_text,
						   strlen(p->listener_text), fd);
			close(fd);
			if (failed)
				return -1;
		}
	}
	return 0;
}

/* --- as whom -------------------------------------------------------------------------------- */

struct identity_answer {
	int32_t failed;
	struct identity id;
};

/* In a child of program_identify. */
static void tell_identity(const struct program *p, int passwd, int group, int to)
	__attribute__((noreturn));
static void tell_identity(const struct program *p, int passwd, int group, int to)
{
	static struct identity_answer answer;
	struct program nobody = *p;
	const char *subject;

	nobody.uid = nobody.gid = MAX_ID;
	nobody.n_groups = nobody.n_rlimits = 0;
	nobody.schedule.size = 0;
	nobody.io_priority = 0;
	memset(&nobody.caps, 0, sizeof(nobody.caps));
	nobody.no_new_privs = true;
	nobody.listener_to = -1;
	nobody.cwd = NULL;
	if (program_become(&nobody, &subject) != STEP_NONE)
		_exit(1);
	answer.failed = identity_find(p->user, passwd, group, &answer.id);
	_exit(write(to, &answer, sizeof(answer)) != sizeof(answer));
}

/* Gives 0 or an errno. */
static int ask_identity(const struct program *p, int root, struct identity_answer *answer)
{
	const uint64_t flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
	const uint64_t resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
	_cleanup_close_ int passwd = place_lookup(root, "/etc/passwd", flags, resolve);
	_cleanup_close_ int group = place_lookup(root, "/etc/group", flags, resolve);
	_cleanup_close_ int here = -1, there = -1;
	int ends[2];
	ssize_t n;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return errno;
	here = ends[0];
	there = ends[1];
	pid_t pid = _Fork();
	if (pid < 0)
		return errno;
	if (pid == 0)
		tell_identity(p, passwd, group, there);
	there = close_fd(there);
	do {
		n = read(here, answer, sizeof(*answer));
	} while (n < 0 && errno == EINTR);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (n != sizeof(*answer))
		return EPROTO;
	if (answer->failed)
		return answer->failed;
	return answer->id.n_groups > IDENTITY_GROUPS || answer->id.uid > MAX_ID ||
			       answer->id.gid > MAX_ID
		       ? ERANGE
		       : 0;
}

/* ENV, with HOME when it has none. */
static char *const *with_home(char *const *env, const char *home)
{
	static char entry[5 + IDENTITY_HOME_MAX] = "HOME=";
	static char *all[SPEC_MAX_ARGS + 2];
	size_t n = 0;

	for (; n < SPEC_MAX_ARGS && env[n]; n++) {
		if (!strncmp(env[n], "HOME=", 5))
			return env;
		all[n] = env[n];
	}
	if (!home[0])
		return env;
	memcpy(entry + 5, home, IDENTITY_HOME_MAX);
	all[n] = entry;
	all[n + 1] = NULL;
	return all;
}

enum step program_identify(struct program *p, int root)
{
	static struct identity_answer answer;

	if (!p->user)
		return STEP_NONE;
	errno = ask_identity(p, root, &answer);
	if (errno)
		return STEP_USER;
	answer.id.home[IDENTITY_HOME_MAX - 1] = '\0';
	p->uid = answer.id.uid;
	p->gid = answer.id.gid;
	p->groups = answer.id.groups;
	p->n_groups = answer.id.n_groups;
	if (p->uid != 0)
		memset(&p->caps, 0, sizeof(p->caps));
	p->env = with_home(p->env, answer.id.home);
	return STEP_NONE;
}

static enum step enter_cwd(const struct program *p)
{
	char full[PATH_MAX];

	if (!p->cwd)
		return STEP_NONE;
	if (chdir(p->cwd) < 0)
		return STEP_CWD;
	/* A folder outside the root shows as "(unreachable)": getcwd(2). */
	if (syscall(SYS_getcwd, full, sizeof(full)) <= 0 || full[0] != '/') {
		errno = EPERM;
		return STEP_CWD_CHECK;
	}
	return STEP_NONE;
}

/* Last of all, the filters: they may forbid any call, but those that come after them here. */
static enum step confine(const struct program *p)
{
	enum step step;

	if (p->no_new_privs) {
		if (caps_set(&p->caps) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
			return STEP_PRIVILEGES;
		step = enter_cwd(p);
		if (step != STEP_NONE)
			return step;
		return install_filters(p) < 0 ? STEP_SECCOMP : STEP_NONE;
	}
	/* Without no_new_privs a filter takes CAP_SYS_ADMIN; what follows it must be few calls. */
	if (caps_prepare(&p->caps) < 0)
		return STEP_PRIVILEGES;
	step = enter_cwd(p);
	if (step != STEP_NONE)
		return step;
	if (install_filters(p) < 0)
		return STEP_SECCOMP;
	return caps_finish(&p->caps) < 0 ? STEP_PRIVILEGES : STEP_NONE;
}

enum step program_become(const struct program *p, const char **out_subject)
{
	enum step step;

	*out_subject = NULL;
	for (unsigned i = 0; i < p->n_rlimits; i++) {
		if (set_rlimit(&p->rlimits[i]) < 0)
			return STEP_LIMITS;
	}
	/* while there is the capability to */
	if ((p->schedule.size && syscall(SYS_sched_setattr, 0, &p->schedule, 0) < 0) ||
	    (p->io_priority && syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, p->io_priority) < 0))
		return STEP_SCHEDULE;
	umask(p->umask);
	/* permitted capabilities outlive the change of user until caps_set has the last word */
	if (caps_drop_bounding(p->caps.bounding) < 0 || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ||
	    (!p->keep_groups && syscall(SYS_setgroups, p->n_groups, p->groups) < 0) ||
	    syscall(SYS_setresgid, p->gid, p->gid, p->gid) < 0 ||
	    syscall(SYS_setresuid, p->uid, p->uid, p->uid) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return STEP_PRIVILEGES;
	step = confine(p);
	if (step == STEP_CWD)
		*out_subject = p->cwd;
	return step;
}

static bool is_program(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111)) {
		errno = EACCES;
		return false;
	}
	return true;
}

int program_find(const struct program *p, char *buf, size_t size, const char **out)
{
	const char *path = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", *name = p->argv[0];
	int failed = ENOENT;

	*out = name;
	if (!name || strchr(name, '/'))
		return name ? 0 : EINVAL;
	for (char *const *e = p->env; *e; e++) {
		if (!strncmp(*e, "PATH=", 5))
			path = *e + 5;
	}
	for (const char *at = path; *at; at += *at == ':') {
		size_t len = strcspn(at, ":");

		if (len && len + strlen(name) + 2 <= size) {
			memcpy(buf, at, len);
			buf[len] = '/';
			memcpy(buf + len + 1, name, strlen(name) + 1);
			if (is_program(buf)) {
				*out = buf;
				return 0;
			}
			if (errno != ENOENT && errno != ENOTDIR)
				failed = errno;
		}
		at += len;
	}
	return failed;
}

void program_exec(const struct program *p, int report_fd)
{
	char full[PATH_MAX];
	const char *file;
	sigset_t none;
	int failed;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	failed = program_find(p, full, sizeof(full), &file);
	if (!failed) {
		execve(file, p->argv, p->env);
		failed = errno;
	}
	step_fail(report_fd, STEP_EXEC, p->argv[0] ? p->argv[0] : "nothing: 'process' is not set",
		  failed);
}
