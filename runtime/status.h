/* SPDX-License-Identifier: MIT */
/*
 * run/containers/ID/status: a struct container_status, what the shim of that container last said.
 * Shims outlive upgrades, so the struct only grows at its end, and a reader takes a shorter or
 * longer one as well. A process is named by its pid and the time it began (proc(5), field 22),
 * because pids come again.
 */
#ifndef RUNTIME_STATUS_H
#define RUNTIME_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "instance/instance.h"
#include "runtime/client.h"
#include "runtime/wire.h"

/* When process PID began, in clock ticks since boot; 0 when there is none. */
uint64_t status_process_start(pid_t pid);
/* PID is the process that began at START: neither that has ended, nor another has its number. */
bool status_process_is(pid_t pid, uint64_t start);
/* The shim that wrote S still runs. */
bool status_shim_alive(const struct container_status *s);

/* Writes S into the folder DIRFD; a reader sees all of it or the one before. */
int status_write(int dirfd, const struct container_status *s, struct error *err);
/* ERROR_NOT_FOUND when there is no such container. */
int status_read(const struct instance *inst, const char *id, struct container_status *out,
		struct error *err);

/* As part of a message. Another version of Berth may say more, which is passed over, or less: that
 * is 0. One without an id is bad. */
void status_encode(const struct container_status *s, struct strbuf *out);
void status_decode(struct wire_reader *r, struct container_status *out);

#endif
