/* SPDX-License-Identifier: MIT */
/*
 * run/containers/ID: the folder of one container, made by its shim and root's.
 *   status    what its shim last said: status.h
 *   control   its socket, for berth-runtime only; reached by the folder's descriptor, since
 *             the path may be longer than a socket's name can be
 */
#ifndef RUNTIME_FOLDER_H
#define RUNTIME_FOLDER_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"
#include "instance/instance.h"

/* Making it is what makes ids unique: ERROR_EXISTS while another has it. One whose shim is on its
 * way out, or that has no status yet or any more, is waited for, up to 15 s. */
int folder_make(const struct instance *inst, const char *id, int *out_fd, struct error *err);
/* The control socket in FOLDER, listening, for root only. */
int folder_listen(int folder, int *out_fd, struct error *err);
/* A connection to it. ERROR_NOT_FOUND when there is no such folder. */
int folder_connect(const struct instance *inst, const char *id, int *out_fd, struct error *err);
/* Without its status: on its way out, and nobody will ask how it ended. */
void folder_end(int folder);
/* Whether a folder with ST, in which there was no status, is such a one; else it has only begun. */
bool folder_has_ended(const struct stat *st);
/* Without its socket: what is kept for whoever asks how it ended. */
void folder_leave(int folder);
/* The whole. Does not close FOLDER. */
void folder_remove(const struct instance *inst, const char *id, int folder);

#endif
