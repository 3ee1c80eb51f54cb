/* SPDX-License-Identifier: MIT */
/*
 * Volumes: lib/volumes/ID, folders of an app's data that outlive its containers. One belongs to the
 * id range of the app that mounted it first, and is seen by others through an id map.
 *
 * In use: whoever mounts a volume holds a shared lock on it (flock(2)) as long as the container
 * lives; what replaces or removes it takes an exclusive one, and gives up when it cannot.
 */
#ifndef RUNTIME_VOLUME_H
#define RUNTIME_VOLUME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"

/* Locks the volume ID, of which FD was opened, for a container. 1: it was replaced meanwhile, open
 * it again. ERROR_BUSY while it is being replaced or removed. */
int volume_hold(const struct instance *inst, const char *id, int fd, struct error *err);

/* Removes ID with all that is in it. ERROR_BUSY while in use; a missing one is no error. */
int volume_remove(const struct instance *inst, const char *id, struct error *err);

/* Replaces what is in ID by what the tar (plain, gzip, xz, zstd) that FD gives holds, unpacked as
 * import.h says; on failure it is as it was, and when CLIENT's peer has gone before all is
 * unpacked (ERROR_CANCELLED). A volume that is not there yet becomes RANGE's. */
int volume_restore(const struct instance *inst, const char *id, unsigned range, int fd, int client,
		   struct error *err);

/* The bytes that it takes on disk. ERROR_NOT_FOUND when nothing has mounted it yet. */
int volume_size(const struct instance *inst, const char *id, uint64_t *out, struct error *err);

/* Removes what a restoring or removing that was cut short left; with DRY only names it. */
int volume_cleanup(const struct instance *inst, bool dry, struct strvec *out, struct error *err);

#endif
