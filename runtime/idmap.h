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

/* Ids of a user namespace: INSIDE.. are OUTSIDE.. (user_namespaces(7)). */
struct idmap_range {
	uint32_t inside, outside, count;
};

#define IDMAP_RANGES 340 /* the kernel's most */
struct idmap_table {
	const struct idmap_range *uids, *gids;
	unsigned n_uids, n_gids;
};

/* Writes uid_map and gid_map of PID. */
int idmap_write(pid_t pid, const struct idmap_table *table, struct error *err);
/* A user namespace with these ids, for idmapped mounts. */
int idmap_userns(const struct idmap_table *table, int *out_fd, struct error *err);

/* A detached copy of the folder DIRFD (one mount, nothing below it) with nosuid, nodev and, with
 * READ_ONLY, read-only; seen through MAP unless that is NULL. The caller closes *out_fd, or moves
 * it into place. */
int idmap_clone(struct idmap_cache *cache, int dirfd, const struct idmap *map, int read_only,
		int *out_fd, struct error *err);

#endif
