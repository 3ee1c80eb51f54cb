/* SPDX-License-Identifier: MIT */
#include "runtime/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/terminal.h"

static int set_rlimit(const struct program_rlimit *r)
{
	struct rlimit now, value = r->value;

	if (setrlimit((__rlimit_resource_t)r->resource, &value) == 0)
		return 0;
	/* without CAP_SYS_RESOURCE the hard limit only goes down */
	if (errno != EPERM || !r->clamp || getrlimit((__rlimit_resource_t)r->resource, &now) < 0)
		return -1;
	value.rlim_cur = value.rlim_max = now.rlim_max;
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
						   p->listener_len, fd);
			close(fd);
			if (failed)
				return -1;
		}
	}
	return 0;
}

enum step program_become(const struct program *p)
{
	for (unsigned i = 0; i < p->n_rlimits; i++) {
		if (set_rlimit(&p->rlimits[i]) < 0)
			return STEP_LIMITS;
	}
	umask(p->umask);
	/* permitted capabilities outlive the change of user until caps_set has the last word */
	if (caps_drop_bounding(p->caps.bounding) < 0 || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ||
	    (!p->keep_groups && syscall(SYS_setgroups, p->n_groups, p->groups) < 0) ||
	    syscall(SYS_setresgid, p->gid, p->gid, p->gid) < 0 ||
	    syscall(SYS_setresuid, p->uid, p->uid, p->uid) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return STEP_PRIVILEGES;
	if (p->no_new_privs) {
		if (caps_set(&p->caps) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
			return STEP_PRIVILEGES;
		return install_filters(p) < 0 ? STEP_SECCOMP : STEP_NONE;
	}
	/* Without no_new_privs a filter takes CAP_SYS_ADMIN; what follows it must be few calls. */
	if (caps_prepare(&p->caps) < 0)
		return STEP_PRIVILEGES;
	if (install_filters(p) < 0)
		return STEP_SECCOMP;
	return caps_finish(&p->caps) < 0 ? STEP_PRIVILEGES : STEP_NONE;
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

	if (chdir(p->cwd) < 0)
		step_fail(report_fd, STEP_CWD, p->cwd, errno);
	/* A folder outside the root shows as "(unreachable)": getcwd(2). */
	if (syscall(SYS_getcwd, full, sizeof(full)) <= 0 || full[0] != '/')
		step_fail(report_fd, STEP_CWD_CHECK, NULL, EPERM);
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
