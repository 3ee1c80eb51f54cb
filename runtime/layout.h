/* SPDX-License-Identifier: MIT */
/*
 * An image on its way out: as an OCI image layout in a folder (image specification, "Image
 * Layout"), which skopeo reads, and from there as an archive, of the Open Container Initiative's
 * kind or of docker's. Layers are packed by berth-runtime (runtime/pack.h) and not compressed;
 * whoever sends them on does that.
 */
#ifndef RUNTIME_LAYOUT_H
#define RUNTIME_LAYOUT_H

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strvec.h"
#include "runtime/image.h"
#include "runtime/ocidoc.h"

struct layout {
	char *folder;
	char config[DIGEST_SIZE]; /* its blob */
	uint64_t config_size;
	char (*layers)[DIGEST_SIZE]; /* lowest first */
	uint64_t *sizes;
	size_t n;
};

#define LAYOUT_INIT                                                                                \
	{                                                                                          \
		.folder = NULL                                                                     \
	}

void layout_release(struct layout *l);
#define _cleanup_layout_ _cleanup_(layout_release)

/* Called before each layer, I from 1 of N; may be NULL. */
typedef void layout_progress(void *data, size_t i, size_t n, const char *ref);

/* Writes the container image IM into FOLDER, which it makes; NAME ("web:1.0", may be NULL) is its
 * name in there. */
int layout_write(const struct instance *inst, const struct image *im, const char *name,
		 const char *folder, layout_progress *progress, void *data, struct layout *out,
		 struct error *err);
/* The same as an archive to FD; with DOCKER as docker load reads it, under NAME. */
int layout_archive(const struct layout *l, bool docker, const char *name, int fd,
		   struct error *err);

#endif
