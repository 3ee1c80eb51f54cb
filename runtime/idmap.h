/* SPDX-License-Identifier: MIT */
/*
 * User namespaces as id maps, and mounts seen through them: a tree whose owners on disk are FROM..
 * shows as TO.. (mount_setattr(2), MOUNT_ATTR_IDMAP). Everything runs in the caller's mount
 * namespace, as root.
 */
#ifndef RUNTIME_IDMAP_H
#define RUNTIME_IDMAP_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* On disk UID.., GID.. (COUNT of each) appear as TO... */
struct idmap {
	uid_t uid;
	gid_t gid;
	uid_t to;
	uint32_t count;
};

/* User namespaces already made during one set-up, so that equal maps share one. */
#define IDMAP_CACHE 8
struct idmap_cache {
	struct idmap maps[IDMAP_CACHE];
	int fds[IDMAP_CACHE];
	unsigned n;
};

void idmap_cache_release(struct idmap_cache *cache);

/* Writes uid_map and gid_map of PID: 0..COUNT-1 inside are BASE.. outside. */
int idmap_write(pid_t pid, uid_t inside, uid_t outside, gid_t gid_inside, gid_t gid_outside,
		uint32_t count, struct error *err);

/* A detached copy of the folder DIRFD (one mount, nothing below it) with nosuid, nodev and, with
 * READ_ONLY, read-only; seen through MAP unless that is NULL. The caller closes *out_fd, or moves
 * it into place. */
int idmap_clone(struct idmap_cache *cache, int dirfd, const struct idmap *map, int read_only,
		int *out_fd, struct error *err);

#endif
