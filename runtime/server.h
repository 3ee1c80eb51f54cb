/* SPDX-License-Identifier: MIT */
/*
 * One request to berth-runtime, served in a process of its own, which for start and attach becomes
 * the container's shim.
 */
#ifndef RUNTIME_SERVER_H
#define RUNTIME_SERVER_H

#include "instance/instance.h"

/* Makes the folders below lib and run that are the runtime's own, with their owners and modes. */
int server_prepare(const struct instance *inst, struct error *err);
/* Serves the request on CONN, whose peer is root or user berth, and returns the exit status. */
int server_main(const struct instance *inst, int conn);

#endif
