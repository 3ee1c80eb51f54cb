/* SPDX-License-Identifier: MIT */
/*
 * What the small daemons do before they serve: take or make their socket while they still may, then
 * become their own user for good. Started by systemd the socket is handed over (sd_listen_fds(3))
 * and the user is set already; started by `berth server` they begin as root.
 */
#ifndef BASE_SERVICE_H
#define BASE_SERVICE_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* The options that all of them have: [--root DIR] [--version]. Gives -1 when the program NAME is to
 * run, otherwise the status to exit with; *out_root is set when it was given. */
int service_options(int argc, char **argv, const char *name, const char **out_root);

/* The one socket that systemd passed, or a new one at PATH with MODE (for UID and GID when this is
 * root). Listening, O_CLOEXEC. */
int service_listen(const char *path, int type, mode_t mode, uid_t uid, gid_t gid, int *out_fd,
		   struct error *err);

/* Tells systemd STATE (sd_notify(3)), and passes it copies of N descriptors; nothing happens where
 * nobody listens. */
void service_notify(const char *state, const int *fds, size_t n);
/* Tells it that requests are served from now on. What this process starts cannot tell it any more:
 * NOTIFY_SOCKET goes from the environment. */
void service_ready(void);

/* Becomes UID and GID without further groups, and can gain nothing by an exec from here on
 * (PR_SET_NO_NEW_PRIVS). Being that user already is fine; being another one, not root, fails. */
int service_become(uid_t uid, gid_t gid, struct error *err);

#endif
