/* SPDX-License-Identifier: MIT */
/*
 * Taking container images in: from the files of a parcel to an image of Berth's own.
 *
 *   documents   read here, as user berth, bounded; each that has a digest is compared with it
 *   layers      a child that may die unpacks, hashes and writes into a pipe (runtime/feeder.h);
 *               berth-runtime's confined process makes files of it (runtime/import.h); only when
 *               both digests of each are right are they committed. A layer that is here already
 *               is not read
 *
 * A layer is named after the digest of its content (IMAGE_OCI_LAYER), so it is kept once, whatever
 * images have it. One that has something in a folder that it does not name is named after the
 * digests of the layers below as well: the folder is as it is there.
 */
#ifndef RUNTIME_INTAKE_H
#define RUNTIME_INTAKE_H

#include "base/error.h"
#include "base/strvec.h"
#include "runtime/parcel.h"
#include "runtime/image.h"

struct intake {
	const struct instance *inst;
	const char *name;         /* which image of several, or NULL */
	const char *architecture; /* NULL: this machine's */
	/* Called before each layer: number I (from 1) of N; BYTES, 0 when it is not known; HERE: it
	 * need not be unpacked. May be NULL. */
	void (*progress)(void *data, size_t i, size_t n, const char *digest, uint64_t bytes,
			 bool here);
	void *data;
};

/* Fills IM (initialised) from B, which is released as soon as it has been read, and saves it; TAGS
 * (may be NULL) gets the names that the archive gives it. No layer stays when one is refused. The
 * caller keeps collection away (control/collect.h). */
int intake_image(const struct intake *in, struct parcel *b, struct image *im, struct strvec *tags,
		 struct error *err);
/* The same for the tar of a root file system, which becomes the one layer; it starts nothing. */
int intake_root(const struct intake *in, struct parcel *b, struct image *im, struct error *err);

#endif
