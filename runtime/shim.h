/* SPDX-License-Identifier: MIT */
/*
 * berth-shim: the supervisor of one container, a fork of berth-runtime that outlives it. It owns
 * the container's folder, cgroup, address and layers, is the parent of its init, writes its log,
 * starts it again as its policy says, answers on its control socket, and takes everything away at
 * the end.
 *
 * A detached container that ended by itself leaves its folder with the status CONTAINER_EXITED for
 * whoever asks; stopping it removes that too. An attached one leaves nothing.
 */
#ifndef RUNTIME_SHIM_H
#define RUNTIME_SHIM_H

#include "base/error.h"
#include "instance/instance.h"
#include "runtime/client.h"
#include "runtime/spec.h"

/* Runs SPEC to its end in this process and answers the client on CONN. Attached (STDIO not NULL)
 * the connection is the session. Takes CONN and STDIO over; returns the exit status for _exit. */
int shim_main(const struct instance *inst, const struct container_spec *spec, int conn,
	      const int *stdio);

#endif
