/* SPDX-License-Identifier: MIT */
/*
 * One run of a container, of either kind: an app's or a build's (plan.h) and an OCI bundle's
 * (bundle.h). Both say what it is to be in the same words, and this is the one way to start it:
 *
 *   caller ── may build (part of) the root in a mount namespace of its own, while a helper makes
 *     │       the other namespaces
 *     └─ first process: made in the cgroup with its namespaces; takes its ids, builds the rest of
 *          the root, enters it, opens its terminal, leaves every privilege; then
 *          - with REAPER it stays as "init", pid 1 inside, forks the program, and exits as that
 *            exits;
 *          - otherwise it becomes the program, at once or when somebody connects to GATE.
 *
 * An init belongs to the program's user and holds no descriptor, so that it can signal every
 * process of its namespace and has nothing to lose. It understands two signals, from outside only:
 * SIGTERM (passed to every process) and CONTAINER_SIGNAL with a value (that signal, to the
 * program). Killing it kills the namespace; the end of the caller kills it (prctl(2),
 * PR_SET_PDEATHSIG).
 *
 * Where namespaces are joined, a time namespace has offsets, and on cgroup version 1 unless STAGED,
 * the first process is cloned by a helper that stands in the group already (helper.h). With STAGED
 * it is moved into the group while it builds its root, which costs less than waiting for the kernel
 * first. A helper that is there when the start begins makes the user, network, IPC and UTS
 * namespaces ahead: a network namespace costs as much as half of the root.
 */
#ifndef RUNTIME_CONTAINER_H
#define RUNTIME_CONTAINER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "runtime/cgroup.h"
#include "runtime/helper.h"
#include "runtime/idmap.h"
#include "runtime/program.h"
#include "runtime/root.h"

/* A real-time signal; its value is the signal for the program. */
#define CONTAINER_SIGNAL (SIGRTMIN + 1)

struct container_join {
	int fd;   /* of a namespace */
	int type; /* CLONE_NEW* */
};

struct container_setup {
	unsigned namespaces;                /* CLONE_NEW* to make */
	const struct container_join *joins; /* entered before, in this order */
	unsigned n_joins;
	const struct idmap_table *ids; /* of a new user namespace */
	uid_t owner;                   /* of it: whom the kernel counts its use for; 0: root */
	const char *time_offsets; /* of a new time namespace, or NULL: proc(5), timens_offsets */
	bool takes_ids;           /* in a user namespace, new or joined: becomes its root */
	const struct cgroup *cgroup;
	struct helper *helper; /* one that stands in it, or made by the start */
	const struct root *root;
	const char *hostname, *domainname;
	bool loopback;             /* a new network namespace: its loopback comes up, and eth0 */
	uint32_t address, gateway; /* 0: no eth0 */
	bool ipv6;                 /* eth0 has an address of that too */
	const char *oom_score;     /* NULL: as the caller's */
	const struct program *program;
	bool reaper;
	bool stays; /* outlives the caller */
	int stdio[3];
	unsigned keep_fds; /* descriptors 3.. that the program inherits */
	bool tty;
	int console_to; /* a socket for the terminal's master */
	unsigned short rows, columns;
	const char *label_file, *label; /* of a security module: /proc/self/attr/... */
	unsigned long personality;      /* of personality(2), ~0: as it is */
	int gate;                       /* a listening socket, or -1 */

	/* Called with DATA, each may be NULL: ENTER before anything is made, in the caller: makes a
	 * mount namespace, in which "." is the top of what BUILD fills; the caller is back in its
	 * own afterwards; SERVE when the ids are mapped and, with
	 * STAGED, the root is built; LINKED when eth0 is up, which waits for it; the other two in
	 * the first process: INSIDE before the root changes, with whom it will become, BEFORE_EXEC
	 * last of all while it has its privileges. They give 0 or the step that failed, with errno.
	 */
	int (*enter)(void *data, struct error *err);
	int (*build)(void *data, struct error *err);
	int (*serve)(void *data, pid_t pid, struct error *err);
	bool staged;
	int (*linked)(void *data, struct error *err);
	enum step (*inside)(void *data, const struct program *program, const char **out_subject);
	enum step (*before_exec)(void *data, const char **out_subject);
	void *data;
};

struct container_run {
	pid_t pid; /* in the host's numbers; a child of the caller */
	int pidfd;
};

/* Starts it: returns when the program has been executed, or waits at its gate, or with the step
 * that failed, and nothing is left then. The caller's mount namespace is as before, its working
 * folder is
 * "/" when there is an ENTER. */
int container_start(const struct container_setup *setup, struct container_run *out,
		    struct error *err);
/* For one with a reaper. Sends SIG (SIGTERM: to every process of the container; SIGKILL: likewise,
 * for certain; others: to the program). */
int container_signal(const struct container_run *run, int sig);
/* Waits for the end; the status as a shell has it: 0 to 255, 128 + signal. */
int container_reap(struct container_run *run);

#endif
