/* SPDX-License-Identifier: MIT */
/*
 * A folder of the host that is bound into a container: a layer, or what a spec mounts. It is held
 * open, and seen with the owners that its map says.
 *
 *   cache, volumes   lib/cache/ID and lib/volumes/ID, made when missing, the container user's own
 *   stage, packs     lib/stage/ID and lib/packs/ID, which user berth filled, or Berth's own packs
 */
#ifndef RUNTIME_BIND_H
#define RUNTIME_BIND_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "instance/instance.h"
#include "runtime/idmap.h"
#include "runtime/spec.h"

struct bind {
	int fd;
	bool mapped;
	struct idmap map; /* when mapped */
};

/* What M names, for the container whose range begins at BASE and whose user is USER, both in the
 * host's numbers. A volume is held (runtime/volume.h) as long as the descriptor is open.
 * ERROR_BUSY: it is being restored or removed. The caller closes fd. */
int bind_open(const struct instance *inst, const struct spec_mount *m, uid_t base, uid_t user,
	      struct bind *out, struct error *err);

#endif
