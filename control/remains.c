/* SPDX-License-Identifier: MIT */
#include "control/remains.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"

#define GRACE_MS 5000

/* PID runs this installation's berthd (or one that an upgrade has replaced since) for this root. */
static bool is_ours(const struct instance *inst, const char *pid)
{
	_cleanup_free_ char *exe = xasprintf("/proc/%s/exe", pid);
	_cleanup_free_ char *cmdline = xasprintf("/proc/%s/cmdline", pid);
	_cleanup_free_ char *berthd = xasprintf("%s/bin/berthd", inst->prefix);
	_cleanup_strbuf_ struct strbuf args = STRBUF_INIT;
	char program[PATH_MAX];
	ssize_t n = readlink(exe, program, sizeof(program) - 1);
	if (n <= 0)
		return false;
	program[n] = '\0';
	const char *rest = str_skip(program, berthd);
	if (!rest || (*rest && strcmp(rest, " (deleted)") != 0) ||
	    file_read(AT_FDCWD, cmdline, 65536, &args, NULL) < 0)
		return false;
	/* "berthd", or "berthd" "--root" ROOT */
	const char *end = args.data + args.len, *word = args.data + strlen(args.data) + 1;
	if (word >= end)
		return !*inst->root;
	word += strlen(word) + 1;
	char real[PATH_MAX];
	return word < end && realpath(word, real) && strcmp(real, inst->root) == 0;
}

static void end_one(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	if (pidfd_send_signal(pidfd, SIGTERM, NULL, 0) == 0 && poll(&p, 1, GRACE_MS) == 0)
		pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
}

int remains_end(const struct instance *inst, struct error *err)
{
	DIR *proc = opendir("/proc");
	if (!proc)
		return error_set(err, ERROR_SYSTEM, errno, "open '/proc'");
	for (struct dirent *e; (e = readdir(proc));) {
		unsigned long long pid;
		if (str_to_u64(e->d_name, 2, INT_MAX, &pid) < 0 || !is_ours(inst, e->d_name))
			continue;
		_cleanup_close_ int pidfd = pidfd_open((pid_t)pid, 0);
		/* looked at once more: the number cannot become another's any more */
		if (pidfd >= 0 && is_ours(inst, e->d_name))
			end_one(pidfd);
	}
	closedir(proc);
	return 0;
}
