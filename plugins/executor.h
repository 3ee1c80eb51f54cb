/* SPDX-License-Identifier: MIT */
/*
 * The daemon berth-plugins: runs plugins' executables as user berth-plugin for berthd. It answers
 * uid berth and root, nobody else. Each request gets a process of its own (plugins/runner.h), so a
 * hostile plugin reaches nothing but that process and what user berth-plugin may.
 */
#ifndef PLUGINS_EXECUTOR_H
#define PLUGINS_EXECUTOR_H

#include "base/error.h"
#include "instance/instance.h"

#define EXECUTOR_MAX_RUNNING 64

/* Serves LISTEN_FD until SIGTERM or SIGINT; what runs then is stopped. */
int executor_serve(const struct instance *inst, int listen_fd, struct error *err);

#endif
