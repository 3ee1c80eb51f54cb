/* SPDX-License-Identifier: MIT */
/*
 * Runs one plugin executable for berth-plugins, in a process forked for it. The executable gets a
 * clean environment, its folder as working folder, lib/plugins-data/NAME as HOME, its own process
 * group, and pipes whose content is passed on (a terminal is passed as it is). It and everything
 * that it started are killed when it ends, when its time is up, and when the client goes away.
 */
#ifndef PLUGINS_RUNNER_H
#define PLUGINS_RUNNER_H

#include "base/error.h"
#include "instance/instance.h"
#include "plugins/request.h"

/* Runs R with FDS; CLIENT is watched for its end. Fills ANSWER (code 0) when it ran; an error is
 * for the caller to put into the answer. */
int runner_run(const struct instance *inst, const struct request *r, const int fds[3], int client,
	       struct request_answer *answer, struct error *err);

#endif
