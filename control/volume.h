/* SPDX-License-Identifier: MIT */
/*
 * Volumes: named folders that outlive deploys, restarts and the apps that mount them, and where
 * each app sees them. The data is berth-runtime's (runtime/volume.h); here is what should be: a row
 * for each volume and one for each mount. Every process of an app has its mounts from its next
 * start on, one-offs and the release command too; builds have none.
 */
#ifndef CONTROL_VOLUME_H
#define CONTROL_VOLUME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strvec.h"
#include "control/app.h"
#include "control/context.h"
#include "runtime/image.h"
#include "runtime/spec.h"

#define VOLUME_NAME_MAX 63
/* Mounts of one app. */
#define VOLUME_MOUNTS_MAX 16

struct volume_mount {
	char *volume, *path;
	char *app; /* its name */
	bool read_only;
};
struct volume_mounts {
	struct volume_mount *v;
	size_t n;
};
#define VOLUME_MOUNTS_INIT                                                                         \
	{                                                                                          \
		NULL, 0                                                                            \
	}
void volume_mounts_release(struct volume_mounts *m);
#define _cleanup_mounts_ _cleanup_(volume_mounts_release)

/* [a-z0-9][a-z0-9._-]*; the error says so, and more for who gives a folder of the host. */
int volume_check_name(const char *name, struct error *err);
/* Whether a volume may be mounted on PATH. */
bool volume_is_place(const char *path);
/* PATH as an image names its volume, without a last '/'. */
char *volume_folder(const char *path);
/* Splits "NAME:/PATH[:ro]" and checks it; *OUT is for one of whose app is not known. */
int volume_parse(const char *text, struct volume_mount *out, struct error *err);
void volume_mount_release(struct volume_mount *m);

/* ERROR_EXISTS; ERROR_NOT_FOUND below. */
int volume_create(struct context *c, const char *name, struct error *err);
int volume_find(struct context *c, const char *name, int64_t *out_created_at, struct error *err);
int volume_list(struct context *c, struct strvec *out, struct error *err);
/* Removes the data too. ERROR_BUSY while an app mounts it or a process still uses it. */
int volume_destroy(struct context *c, const char *name, struct error *err);

/* The mounts of APP (0: any) and of volume NAME (NULL: any), by app and path. */
int volume_mounts(struct context *c, int64_t app, const char *name, struct volume_mounts *out,
		  struct error *err);
int volume_mount(struct context *c, const struct app *app, const struct volume_mount *m,
		 struct error *err);
int volume_unmount(struct context *c, const struct app *app, const char *name, const char *path,
		   struct error *err);
/* Says for each folder that the container image IM declares as a volume, and on which APP mounts
 * none, that what is in it goes with its container. */
int volume_note_unmounted(struct context *c, const struct app *app, const struct image *im,
			  struct error *err);
/* Adds what APP mounts to a container's spec. */
int volume_add(struct context *c, const struct app *app, struct container_spec *spec,
	       struct error *err);

/* Writes a tar of what is in NAME to FD, made in a container that sees nothing but the volume, and
 * that read-only. *OUT_CHANGED: files changed meanwhile. */
int volume_backup(struct context *c, const char *name, int fd, bool *out_changed,
		  struct error *err);
/* Replaces what is in NAME by the tar that FD gives, or leaves it as it was. */
int volume_restore_from(struct context *c, const char *name, int fd, struct error *err);

#endif
