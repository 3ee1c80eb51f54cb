/* SPDX-License-Identifier: MIT */
/*
 * Config vars: the environment of an app (app 0: of every app), sealed at rest. A snapshot is the
 * merged environment that a release keeps: "KEY=VALUE" strings, each ended by a NUL (values are any
 * bytes but NUL, which JSON could not hold), sealed as a whole.
 */
#ifndef CONTROL_CONFIG_H
#define CONTROL_CONFIG_H

#include "base/strvec.h"
#include "control/context.h"
#include "instance/name.h"

#define CONFIG_VALUE_MAX (128u * 1024 - NAME_KEY_MAX - 2) /* one string of execve(2) */
#define CONFIG_TOTAL_MAX (1024u * 1024)

/* "KEY=VALUE" of APP alone, sorted by key. */
int config_list(struct context *c, int64_t app, struct strvec *out, struct error *err);
/* The same, over the instance's. */
int config_merged(struct context *c, int64_t app, struct strvec *out, struct error *err);

/* What a change would make of a config: for a release that brings it (release.h). */
struct config_trial {
	struct strvec own, merged;
};
#define CONFIG_TRIAL_INIT                                                                          \
	{                                                                                          \
		STRVEC_INIT, STRVEC_INIT                                                           \
	}
void config_trial_release(struct config_trial *t);
#define _cleanup_trial_ _cleanup_(config_trial_release)

/* Each of these is one transaction: all of it or nothing. With TRIAL, which is empty, nothing is
 * stored, and it gets what would be. */
/* Sets every "KEY=VALUE" of PAIRS; each is checked first. */
int config_set(struct context *c, int64_t app, const struct strvec *pairs,
	       struct config_trial *trial, struct error *err);
/* Removes KEYS; *out_removed counts those that were there. */
int config_unset(struct context *c, int64_t app, const struct strvec *keys, int *out_removed,
		 struct config_trial *trial, struct error *err);
/* Replaces all of APP's by PAIRS. */
int config_replace(struct context *c, int64_t app, const struct strvec *pairs,
		   struct config_trial *trial, struct error *err);
/* The same, in the caller's transaction. */
int config_put(struct context *c, int64_t app, const struct strvec *pairs, struct error *err);

/* Checks one pair: key, value without NUL and not too long. */
int config_check(const char *pair, struct error *err);

void config_snapshot(struct context *c, const struct strvec *pairs, struct strbuf *out);
int config_restore(struct context *c, const void *sealed, size_t len, struct strvec *out,
		   struct error *err);

#endif
