/* SPDX-License-Identifier: MIT */
/*
 * A session as its container's side speaks it (runtime/client.h has the client's): signals come,
 * and at the end the result goes.
 */
#ifndef RUNTIME_SESSION_H
#define RUNTIME_SESSION_H

#include "runtime/client.h"

/* The end, for CONN. */
void session_send_result(int conn, const struct runtime_result *result);

/* Reads what the client says: a signal for the program, 0 when the client is gone, -1 for
 * nothing of note. Call it when CONN is readable. */
int session_read_signal(int conn);

#endif
