/* SPDX-License-Identifier: MIT */
/*
 * The first process of a container, from clone to its end or to its program (container.h). System
 * calls only: it is a fork of a root process and neither allocates nor logs.
 */
#ifndef RUNTIME_INIT_H
#define RUNTIME_INIT_H

#include "runtime/container.h"

/* Never returns. SYNC_FD: a byte when the ids are mapped, another when all is served; its end means
 * that the caller died. Failures go to REPORT_FD; CLOSE_FD is the caller's end of SYNC_FD. */
void init_main(const struct container_setup *setup, int sync_fd, int report_fd, int close_fd)
	__attribute__((noreturn));

#endif
