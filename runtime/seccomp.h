/* SPDX-License-Identifier: MIT */
/*
 * The system calls that a container may make (seccomp(2)). Two programs, both always installed: an
 * allow list of calls (unknown ones answer ENOSYS, so that libraries fall back; the known dangerous
 * ones EPERM), and a list of refused arguments: families of socket(2), flags of clone(2), requests
 * of ioctl(2). Calls of a foreign ABI kill the process.
 *
 * Compiled once, when berth-runtime starts; every container installs the same bytes.
 */
#ifndef RUNTIME_SECCOMP_H
#define RUNTIME_SECCOMP_H

#include <linux/filter.h>

#include "base/error.h"
#include "runtime/program.h"
#include "runtime/spec.h"

struct seccomp_filter {
	struct sock_fprog calls, arguments;
};

/* Compiles the programs of every profile. */
int seccomp_init_filters(struct error *err);
/* Those of SPEC_LAYER alone, in half the time (libseccomp takes milliseconds), for a cell. */
int seccomp_init_layer(struct error *err);
/* Puts this process, which has set no_new_privs, under those of PROFILE; nothing where they were
 * not compiled. */
int seccomp_enter(enum spec_profile profile, struct error *err);
/* The program of a filter of libseccomp; the caller frees out->filter. */
int seccomp_export(void *ctx, struct sock_fprog *out, struct error *err);
/* PROGRAM, which sets no_new_privs, gets those of PROFILE. */
void seccomp_program(enum spec_profile profile, struct program *program);

#endif
