/* SPDX-License-Identifier: MIT */
/*
 * Where an app's repository is and what git must obey in it: what the door and the hooks need of a
 * repository, without libgit2, whose loading would be most of a command's time.
 */
#ifndef RECEIVER_GITDIR_H
#define RECEIVER_GITDIR_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"

#define GITDIR_HEX 40 /* digits of an object id (SHA-1 repositories) */
/* A push larger than this is refused unless [git] max-push says otherwise. */
#define GITDIR_MAX_PUSH (2ull << 30)

/* Exactly 40 lower-case hex digits. */
bool gitdir_is_hex(const char *s);

/* "lib/repos/APP.git"; the caller frees it. */
char *gitdir_path(const struct instance *inst, const char *app);
bool gitdir_exists(const struct instance *inst, const char *app);

/* Appends what git must obey in every repository, as "KEY=VALUE" lines of git-config(1): objects
 * are checked, branches go to the proc-receive hook, hooks are the instance's, a push has a size
 * limit. repo_create writes them into the repository; the door repeats them through GIT_CONFIG_*,
 * which wins over a stale file. */
int gitdir_config(const struct instance *inst, const char *app, struct strvec *out,
		  struct error *err);

#endif
