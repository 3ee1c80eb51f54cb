/* SPDX-License-Identifier: MIT */
/*
 * Hooks of a bundle (runtime-spec, config.md, "POSIX-platform Hooks"): programs that are told of a
 * container's state on stdin at points of its life.
 */
#ifndef RUNTIME_HOOK_H
#define RUNTIME_HOOK_H

#include <jansson.h>

#include "base/error.h"
#include "runtime/fields.h"

enum hook_kind {
	HOOK_PRESTART,
	HOOK_CREATE_RUNTIME,
	HOOK_CREATE_CONTAINER,
	HOOK_START_CONTAINER,
	HOOK_POSTSTART,
	HOOK_POSTSTOP,
	HOOK_KINDS,
};

struct hook {
	const char *path;
	char **argv, **env;
	int64_t timeout_s; /* 0: none */
};

struct hook_list {
	struct hook *v;
	unsigned n;
};

/* NULL past the last. */
const char *hook_kind_name(size_t kind);
/* The lists of the object HOOKS, which may be NULL. The caller calls hook_lists_release; the
 * strings stay the document's. */
void hook_lists_read(struct fields *f, json_t *hooks, struct hook_list lists[HOOK_KINDS]);
void hook_lists_release(struct hook_list lists[HOOK_KINDS]);

/* Runs H with STATE on its stdin, waits for it, and kills it when it takes too long. What it prints
 * goes to stderr. System calls only, so that a container's first process may. Gives 0, its status
 * as a shell has it, -ETIMEDOUT, or another negative errno. */
int hook_run(const struct hook *h, const char *state, size_t len);
/* All of LIST up to the first that fails. */
int hook_run_all(const struct hook_list *list, const char *state, struct error *err);

#endif
