/* SPDX-License-Identifier: MIT */
/*
 * This program's own file, as a container finds it: its process is this program until it executes
 * its own, and may be told to execute /proc/self/exe.
 */
#ifndef RUNTIME_SELF_H
#define RUNTIME_SELF_H

#include "base/error.h"

/* Has this program run from a read-only mount of its own file, through which nothing inside can
 * write to it (CVE-2019-5736): executes it once more with ARGV, unless it does already. Returns 0
 * then, and -1 when it cannot. Needs CAP_SYS_ADMIN. */
int self_protect(char **argv, struct error *err);

#endif
