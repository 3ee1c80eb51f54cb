/* SPDX-License-Identifier: MIT */
/*
 * A buildpackage of Cloud Native Buildpacks, a file PACK.cnb: a tar of an OCI image layout whose
 * layers hold buildpacks, /cnb/buildpacks/ID/VERSION each (distribution specification,
 * Buildpackage; OCI image specification, Image Layout). Its bytes are somebody else's.
 */
#ifndef BUILDPACKS_BUILDPACKAGE_H
#define BUILDPACKS_BUILDPACKAGE_H

#include <stdbool.h>

#include "base/error.h"

/* Whether the folder DIRFD is an image layout. */
bool buildpackage_is(int dirfd);

/* Unpacks the layers of the image in the folder LAYOUT into the empty folder DIRFD, with a link
 * buildpack.toml to that of the pack which the package is for: the others are its members. */
int buildpackage_unpack(int layout, int dirfd, struct error *err);

#endif
