/* SPDX-License-Identifier: MIT */
/*
 * Asking berthd to run a command: argv and the caller's stdin, stdout and stderr go over
 * run/control.sock, so output and terminals need no protocol; signals and window changes follow as
 * small messages; one byte comes back with the exit status. Closing the connection cancels.
 *
 * Wire (instance/call.c): struct call_head, then argv as NUL-terminated strings; the three
 * descriptors ride on the first byte. Afterwards the client sends struct call_event, the server
 * one struct call_exit.
 */
#ifndef INSTANCE_CALL_H
#define INSTANCE_CALL_H

#include <stdint.h>

#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"

#define CALL_MAGIC 0x62657274u
#define CALL_VERSION 1
#define CALL_MAX_BYTES (4u << 20)
#define CALL_MAX_ARGS 4096

struct call_head {
	uint32_t magic;
	uint16_t version;
	uint16_t argc;
	uint32_t bytes; /* of the strings that follow: the identity first, then argv */
};

struct call_event {
	uint32_t signal; /* SIGINT, SIGTERM, SIGHUP: stop; SIGWINCH: the terminal's size changed */
};

struct call_exit {
	uint32_t status; /* 0 to 255, or CALL_NO_PROCESS */
};
/* berthd could start no process for the command. */
#define CALL_NO_PROCESS 256
/* What that comes from, and what to do; also for a command that could start none of its own. */
#define CALL_NO_ROOM                                                                               \
	"the machine has no room for another process: end some, or raise kernel.pid_max, "         \
	"kernel.threads-max or the limit of pids on Berth's control group, then do this again"

/* Sends ARGV. IDENTITY is whom this is for: the ssh key's or token's name, "" for the calling
 * user (berthd believes it from root, berth and berth-web only). *out_fd is the session. */
int call_open(const struct instance *inst, const char *identity, const struct strvec *argv,
	      const int fds[3], int *out_fd, struct error *err);
int call_signal(int fd, int sig, struct error *err);
/* Blocks until the command ended. */
int call_wait(int fd, int *out_status, struct error *err);

/* The whole of a command-line client: call_open, forward this process's signals (INT, TERM, HUP,
 * WINCH), end when HANGUP_FD (-1: none) reports that its peer is gone, call_wait. */
int call_run(const struct instance *inst, const char *identity, const struct strvec *argv,
	     const int fds[3], int hangup_fd, int *out_status, struct error *err);

/* Server side. Receives one request from FD; the caller closes out_fds[3]. */
int call_receive(int fd, char **out_identity, struct strvec *argv, int out_fds[3],
		 struct error *err);
int call_answer(int fd, int status, struct error *err);

#endif
