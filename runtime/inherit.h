/* SPDX-License-Identifier: MIT */
/*
 * What a folder of a layer takes from the layers below it, as the user would see it there: through
 * whiteouts and folders that hide what is below. Trees and names are a tenant's: each name is
 * looked up on its own, and no link is followed.
 */
#ifndef RUNTIME_INHERIT_H
#define RUNTIME_INHERIT_H

#include <sys/types.h>

#include "base/error.h"
#include "instance/instance.h"

/* A layer: its folder, and the first id of the range that owns it. */
struct inherit_layer {
	int fd;
	uid_t base;
};

/* Gives FOLDER of the layer UPPER the owner, mode and user attributes that it has in the N layers
 * LOWER, topmost first. It stays as it is when they have no such folder, or it hides what they
 * have. */
int inherit_folder(const struct inherit_layer *upper, const struct inherit_layer *lower, size_t n,
		   const char *folder, struct error *err);

#endif
