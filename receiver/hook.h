/* SPDX-License-Identifier: MIT */
/*
 * git's hooks (githooks(5)), which git-receive-pack runs in a repository below the door:
 *
 *   pre-receive    what is cheap to refuse: refs outside refs/heads and refs/tags. The objects are
 *                  still in quarantine, so a refused push leaves nothing.
 *   proc-receive   every change of a branch: berthd is asked to deploy it (`git:update APP REF OLD
 *                  NEW`, as the key's owner) and moves the ref itself when that went well. Its
 *                  progress goes to the pusher as it happens; a failure is git's "[remote
 *                  rejected] (reason)".
 *
 * They learn app and key from BERTH_APP and BERTH_KEY, which only the door sets.
 */
#ifndef RECEIVER_HOOK_H
#define RECEIVER_HOOK_H

#include "base/error.h"
#include "instance/instance.h"

/* At most this many ref changes in one push. */
#define HOOK_MAX_COMMANDS 1000
#define HOOK_REASON_MAX 200

/* Writes lib/hooks/{pre-receive,proc-receive}: scripts of one line that execute `berth hook NAME`
 * of this installation. Called by berthd when it starts. */
int hook_install(const struct instance *inst, struct error *err);

/* What `berth hook NAME` runs: gives the process's exit status, and prints its own errors. */
int hook_run(const struct instance *inst, const char *name);

int hook_pre_receive(const struct instance *inst);
int hook_proc_receive(const struct instance *inst);

#endif
