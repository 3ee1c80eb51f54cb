/* SPDX-License-Identifier: MIT */
/* What RUN --mount says. */
#ifndef BUILDPACKS_DOCKERMOUNT_H
#define BUILDPACKS_DOCKERMOUNT_H

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"

#define DOCKER_MOUNTS_MAX 16
#define DOCKER_MODE_NONE ~0u

/* Values are not yet expanded. */
struct docker_mount {
	enum docker_mount_type {
		DOCKER_MOUNT_BIND = 1,
		DOCKER_MOUNT_CACHE,
		DOCKER_MOUNT_SECRET,
		DOCKER_MOUNT_TMPFS,
	} type;
	char *id, *from, *source, *target, *env; /* NULL: not said */
	bool required;
	enum docker_mount_sharing {
		DOCKER_SHARED,  /* a cache that several steps have at a time */
		DOCKER_PRIVATE, /* each has one of its own */
		DOCKER_LOCKED,  /* one has it, the others wait */
	} sharing;
	bool owned;              /* one of the following was said */
	unsigned uid, gid, mode; /* mode: DOCKER_MODE_NONE when it was not */
};

/* TEXT is what `mount=` has. */
int docker_mount_parse(struct docker_mount *m, const char *text, struct error *err);
void docker_mount_release(struct docker_mount *m);
#define _cleanup_docker_mount_ _cleanup_(docker_mount_release)

#endif
