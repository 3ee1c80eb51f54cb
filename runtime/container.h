/* SPDX-License-Identifier: MIT */
/*
 * One run of a container: its first process ("init", pid 1 inside), which executes and reaps.
 *
 *   shim ── makes the root in a mount namespace of its own (rootfs.h)
 *     └─ init: clone with new user, mount, pid, net, ipc and uts namespaces; mounts /proc and /sys,
 *          pivots, leaves every privilege; forks the program; exits as the program exits
 *
 * init belongs to the program's user and holds no descriptor, so that it can signal every process
 * of its namespace and has nothing to lose. It understands two signals, from outside only: SIGTERM
 * (passed to every process) and CONTAINER_SIGNAL with a value (that signal, to the program).
 * Killing it kills the namespace; the end of the shim kills it (prctl(2), PR_SET_PDEATHSIG).
 *
 * On cgroup version 1 init is cloned by a helper that stands in the group already (helper.h).
 */
#ifndef RUNTIME_CONTAINER_H
#define RUNTIME_CONTAINER_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "instance/instance.h"
#include "runtime/cgroup.h"
#include "runtime/helper.h"
#include "runtime/rootfs.h"
#include "runtime/spec.h"

/* A real-time signal; its value is the signal for the program. */
#define CONTAINER_SIGNAL (SIGRTMIN + 1)

struct container_setup {
	const struct instance *inst;
	const struct container_spec *spec;
	struct spec_limits limits; /* resolved */
	const struct rootfs *rootfs;
	const struct cgroup *cgroup;
	struct helper *helper; /* cgroup version 1: one that stands in it, or made by the start */
	uint32_t address, gateway; /* 0: no network */
	const char *address_text, *resolv;
	int stdio[3]; /* not used with spec->tty */
};

struct container_run {
	pid_t pid; /* of init, in the host's numbers; a child of the caller */
	int pidfd;
	int console; /* with spec->tty: the terminal's master */
};

/* Runs the program once: returns when it has been executed, or with the step that failed, and
 * nothing is left then. The caller's mount namespace and working folder are as before. */
int container_start(const struct container_setup *setup, struct container_run *out,
		    struct error *err);
/* Sends SIG (SIGTERM: to every process of the container; SIGKILL: likewise, for certain; others:
 * to the program). */
int container_signal(const struct container_run *run, int sig);
/* Waits for the end; the status as a shell has it: 0 to 255, 128 + signal. */
int container_reap(struct container_run *run);

/* --- shared with exec.c; system calls only --------------------------------------------------- */

/* What a child that cannot speak otherwise writes to its parent. */
struct container_failure {
	int32_t step, error;
};
enum container_step {
	STEP_NONE,
	STEP_CGROUP,
	STEP_CLONE,
	STEP_SYNC,
	STEP_IDS,
	STEP_MOUNT,
	STEP_PROC,
	STEP_SYS,
	STEP_MASK,
	STEP_PIVOT,
	STEP_CWD_CHECK,
	STEP_HOSTNAME,
	STEP_NETWORK,
	STEP_TERMINAL,
	STEP_STDIO,
	STEP_LIMITS,
	STEP_PRIVILEGES,
	STEP_SECCOMP,
	STEP_FORK,
	STEP_CWD,
	STEP_EXEC,
	STEP_JOIN,
	STEP_COUNT_
};
/* ERR gets the text of F. */
int container_failed(const struct container_failure *f, const struct container_spec *spec,
		     struct error *err);
void container_report(int fd, enum container_step step, int error) __attribute__((noreturn));
/* Becomes the user of PROFILE without a way back: ids, capabilities, no_new_privs, seccomp. Gives
 * the step that failed, with errno, or STEP_NONE. */
enum container_step container_drop(enum spec_profile profile, const struct spec_limits *limits);
/* Enters the working folder, finds argv[0] in ENV's PATH and executes it. Never returns. */
void container_exec(const char *cwd, char *const *argv, char *const *env, int report_fd)
	__attribute__((noreturn));

#endif
