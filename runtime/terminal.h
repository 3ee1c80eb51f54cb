/* SPDX-License-Identifier: MIT */
/*
 * Terminals of a container: made in its own /dev/pts by a process inside, the master handed out
 * over a socket. System calls only.
 */
#ifndef RUNTIME_TERMINAL_H
#define RUNTIME_TERMINAL_H

#include <stddef.h>
#include <sys/types.h>

/* Makes one from the ptmx device at PATH (relative to DIRFD), which belongs to UID. Gives 0 or -1
 * with errno. */
int terminal_open(int dirfd, const char *path, uid_t uid, int *out_master, int *out_slave);
/* Sends DATA (not empty) with the descriptor FD over SOCK; 0 or -1 with errno. */
int terminal_pass(int sock, const char *data, size_t len, int fd);
/* The descriptor that terminal_pass sent, or -1. */
int terminal_take(int sock);

#endif
