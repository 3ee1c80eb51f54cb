/* SPDX-License-Identifier: MIT */
/* What RUN --mount says. */
#ifndef BUILDPACKS_DOCKERMOUNT_H
#define BUILDPACKS_DOCKERMOUNT_H

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"

#define DOCKER_MOUNTS_MAX 16

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
};

/* TEXT is what `mount=` has. */
int docker_mount_parse(struct docker_mount *m, const char *text, struct error *err);
void docker_mount_release(struct docker_mount *m);
#define _cleanup_docker_mount_ _cleanup_(docker_mount_release)

#endif
