/* SPDX-License-Identifier: MIT */
/*
 * A child process as a value: fill it in, then child_run, or child_start and child_wait. No command
 * line is ever a string, so nothing is parsed by a shell. The environment is empty but for PATH and
 * LANG unless `env` or `keep_env` says otherwise; every other descriptor is closed; the signal mask
 * and handlers are the defaults. A step that fails before exec reaches the parent as an error that
 * names it. The child is waited for through a pidfd.
 */
#ifndef BASE_CHILD_H
#define BASE_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"

struct child {
	/* to fill in */
	struct strvec argv; /* argv[0] with a slash is a path, otherwise looked up in PATH */
	struct strvec env;  /* "KEY=VALUE", added to PATH and LANG */
	bool keep_env;      /* inherit the caller's environment first */
	const char *cwd;    /* NULL: stay */
	int in, out, err;   /* descriptors to use, -1: /dev/null (err -2: same as out) */
	bool drop;          /* become uid, gid with no further groups */
	uid_t uid;
	gid_t gid;
	bool new_group;   /* setpgid: child_kill then reaches its children too */
	bool new_session; /* setsid */
	bool die_with_parent;
	int timeout_ms; /* for child_wait and child_run: -1: none; then SIGTERM, 2 s, SIGKILL */
	struct strbuf *capture;     /* child_run: its stdout goes here (cap it with strbuf_cap) */
	struct strbuf *capture_err; /* child_run: its stderr likewise; may equal capture */
	const void *input;          /* child_run: bytes for its stdin */
	size_t input_len;
	void (*in_child)(
		void *data); /* runs after fork, before exec: async-signal-safe work only */
	void *in_child_data;
	/* filled in by child_start */
	pid_t pid;
	int pidfd;
	/* filled in by child_wait */
	int status; /* as from waitpid(2) */
	bool timed_out;
};

void child_init(struct child *c);
/* Kills and reaps a running one; frees. */
void child_release(struct child *c);
#define _cleanup_child_ _cleanup_(child_release)

/* Appends strings up to NULL to argv. */
void child_args(struct child *c, ...) __attribute__((sentinel));

int child_start(struct child *c, struct error *err);
/* Waits for the end; 0 when it ended by itself in time, whatever its status. */
int child_wait(struct child *c, struct error *err);
/* Starts, feeds `input`, captures, waits. Fails also when the command exits non-zero or was
 * killed: the error names it and ends with the last line of its stderr when that was captured. */
int child_run(struct child *c, struct error *err);
/* Sends SIG to the child, or to its group when new_group. */
void child_kill(struct child *c, int sig);
/* Shell-like: exit status, or 128 + signal. */
int child_exit_code(int status);

#endif
