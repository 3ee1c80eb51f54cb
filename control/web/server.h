/* SPDX-License-Identifier: MIT */
/*
 * The HTTP API: libmicrohttpd on one unix socket, one thread, one epoll. It holds no state: each
 * request becomes a token check and then a command of berthd (control/web/route.h says which), and
 * while these run the connection is suspended, so that a slow deploy holds up nobody else. A client
 * that goes away cancels its command.
 *
 * Answers: JSON as the command printed it; Prometheus text for /metrics; for a deploy its output
 * as it comes, chunked, with "exit: STATUS" as the last line (and as trailer Berth-Exit-Status).
 * What fails before there is output has an HTTP status and {"error": {"code", "message"}}. With
 * "?wait" a deploy answers once, when it ended, so that its status is the answer's: 200 and the
 * output, or an error whose message ends with the reason.
 */
#ifndef CONTROL_WEB_SERVER_H
#define CONTROL_WEB_SERVER_H

#include "base/error.h"
#include "instance/instance.h"

#define SERVER_MAX_CONNECTIONS 512
#define SERVER_IDLE_SECONDS 75
#define SERVER_HEADER_BYTES 32768
#define SERVER_MAX_UPLOAD (2ull << 30) /* setting [http] max-upload, in bytes */

/* Serves LISTEN_FD until SIGTERM or SIGINT. */
int server_run(const struct instance *inst, int listen_fd, struct error *err);

#endif
