/* SPDX-License-Identifier: MIT */
/*
 * Containers on their way out: a process waits for their last requests and then stops them, after
 * the command that replaced them has ended. Until then they run and look fit, but nobody may count
 * on them. Each such process holds a lock on a file with their ids (run/leaving); one that was
 * killed holds nobody back.
 */
#ifndef CONTROL_LEAVING_H
#define CONTROL_LEAVING_H

#include <stdint.h>

#include "base/strvec.h"
#include "instance/instance.h"

/* Says that the containers IDS of app APP leave, for as long as *out_fd or a copy of it is open. */
int leaving_mark(const struct instance *inst, int64_t app, const struct strvec *ids, int *out_fd,
		 struct error *err);
/* Adds the ids of APP's that leave; forgets those whose keeper has gone. */
int leaving_list(const struct instance *inst, int64_t app, struct strvec *out, struct error *err);

#endif
