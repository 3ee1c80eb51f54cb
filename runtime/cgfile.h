/* SPDX-License-Identifier: MIT */
/*
 * The files in the folder of a control group (cgroups(7)): one write(2) sets, one read(2) gets what
 * fits. Which files there are depends on the kernel and on the version, so that a missing one is
 * the caller's to judge.
 */
#ifndef RUNTIME_CGFILE_H
#define RUNTIME_CGFILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* 0, or -1 with errno. System calls and stack memory only. */
int cgfile_write(int dirfd, const char *file, const char *text);
int cgfile_write_number(int dirfd, const char *file, uint64_t n);
/* Its first SIZE - 1 bytes and a NUL: how many they are, or -1 with errno and "" in BUF. */
ssize_t cgfile_read(int dirfd, const char *file, char *buf, size_t size);
/* The number that it begins with; 0 where there is none ("max" too). */
uint64_t cgfile_number(int dirfd, const char *file);
/* Sends SIG to every process of the group, with SESSION (not 0) to those of that session alone
 * (setsid(2)), and gives how many there were. A pid that was read may be another's a moment later:
 * each is held by a pidfd first, and gets the signal if it is still listed then. */
size_t cgfile_signal(int dirfd, pid_t session, int sig);
/* The number after KEY in a file of "KEY NUMBER" lines; 0 where there is none. */
uint64_t cgfile_key(int dirfd, const char *file, const char *key);

#endif
