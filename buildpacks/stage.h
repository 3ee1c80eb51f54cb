/* SPDX-License-Identifier: MIT */
/*
 * Folders lib/stage/ID that a build container sees read-only as its own user's: ENV_DIR with one
 * file per config var, and the input files of an app. They go when the variable's scope ends; what
 * a process that was killed left behind goes when the next one is made (the owner holds a lock).
 */
#ifndef BUILDPACKS_STAGE_H
#define BUILDPACKS_STAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"

struct stage {
	char *id; /* NULL: none */
	char *folder;
	int lock; /* the folder's descriptor, locked */
};
#define STAGE_INIT                                                                                 \
	{                                                                                          \
		NULL, NULL, -1                                                                     \
	}

/* Makes an empty one. */
int stage_make(const struct instance *inst, struct stage *s, struct error *err);
/* Writes one file; NAME is relative, its folders are made. */
int stage_add(struct stage *s, const char *name, const void *data, size_t len, struct error *err);
/* One file per "KEY=VALUE". */
int stage_add_env(struct stage *s, const struct strvec *config, struct error *err);
void stage_release(struct stage *s);
#define _cleanup_stage_ _cleanup_(stage_release)

#endif
