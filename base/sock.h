/* SPDX-License-Identifier: MIT */
/*
 * Unix sockets: listening, connecting, passing descriptors (unix(7)). Every descriptor is
 * O_CLOEXEC. A path that does not fit sun_path is refused by name.
 */
#ifndef BASE_SOCK_H
#define BASE_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

#define SOCK_MAX_FDS 8

/* Listens on PATH (a stale socket is replaced), TYPE is SOCK_STREAM or SOCK_SEQPACKET, MODE its
 * permissions; the owner is changed when UID or GID is not -1. */
int sock_listen(const char *path, int type, mode_t mode, uid_t uid, gid_t gid, int *out_fd,
		struct error *err);

int sock_connect(const char *path, int type, int *out_fd, struct error *err);

/* Sends DATA (not empty) whole, with NFDS descriptors on its first byte. SIGPIPE is not raised. */
int sock_send(int fd, const void *data, size_t len, const int *fds, size_t nfds, struct error *err);

/* Receives at most LEN bytes and up to SOCK_MAX_FDS descriptors, which the caller closes. Gives
 * the number of bytes, 0 at the end, -1 on error; *out_nfds is set on success. */
ssize_t sock_recv(int fd, void *data, size_t len, int *fds, size_t *out_nfds, struct error *err);

/* Receives exactly LEN bytes; an end before that is an error. Descriptors are refused. */
int sock_recv_all(int fd, void *data, size_t len, struct error *err);

/* Whether the peer of a Unix socket has closed it, or has gone. */
bool sock_hung_up(int fd);

/* The peer's identity at connect time (SO_PEERCRED). */
int sock_peer(int fd, pid_t *out_pid, uid_t *out_uid, gid_t *out_gid, struct error *err);

#endif
