/* SPDX-License-Identifier: MIT */
/*
 * Containers on their way out: a process waits for their last requests and then stops them, after
 * the command that replaced them has ended. Until then they run and look fit, but nobody may count
 * on them. Each such process holds a lock on a file with their ids (run/leaving), and removes it
 * when they have ended: a file without a lock is of one that did not come to its end.
 */
#ifndef CONTROL_LEAVING_H
#define CONTROL_LEAVING_H

#include <stdint.h>

#include "base/strvec.h"
#include "instance/instance.h"

/* Says that the containers IDS of app APP leave, for as long as *out_fd or a copy of it is open.
 * When they have ended *out_path, which the caller frees, is the keeper's to remove. */
int leaving_mark(const struct instance *inst, int64_t app, const struct strvec *ids, int *out_fd,
		 char **out_path, struct error *err);
/* Adds the ids of APP's that leave: those whose keeper lives. */
int leaving_list(const struct instance *inst, int64_t app, struct strvec *out, struct error *err);
/* Calls EACH with every app some of whose containers should leave and have no keeper any more, and
 * forgets that: it is the caller's now. */
int leaving_forsaken(const struct instance *inst, void (*each)(int64_t app, void *data), void *data,
		     struct error *err);

#endif
