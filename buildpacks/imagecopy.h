/* SPDX-License-Identifier: MIT */
/*
 * COPY and ADD: one container sends files, another receives them into a new layer, through a pipe
 * that nobody else reads (buildpacks/berth-copy.c). Neither is more than root of its own user
 * namespace.
 */
#ifndef BUILDPACKS_IMAGECOPY_H
#define BUILDPACKS_IMAGECOPY_H

#include "base/error.h"
#include "buildpacks/builder.h"
#include "buildpacks/hash.h"

/* Where the program is in every container of a step. */
#define IMAGECOPY_TOOLS "/dev/shm/.berth"

struct imagecopy {
	const char *tree;   /* the app's source, when files of that are copied; or NULL */
	struct strvec from; /* layers that have the sources, topmost first */
	const char *root;   /* the folder there: "/app" for the app's source */
	const char *ignore; /* NAME.dockerignore, which goes before .dockerignore; or NULL */
	const char *docs;   /* a stage with the heredocs, which sources call "<<NAME"; or NULL */
	bool keep_owner;    /* as in FROM, not root's */
	bool add;           /* archives are unpacked, URLs fetched */
	bool parents, keep_git;    /* the options of these names */
	const char *unpack;        /* "true" or "false": of all archives; NULL: of local ones */
	const char *checksum;      /* or NULL */
	struct strvec exclude;     /* patterns */
	struct strvec sources;     /* expanded */
	struct strvec onto;        /* the layers that the new one lies on */
	const char *to;            /* absolute */
	bool into;                 /* TO is a folder */
	const char *chown, *chmod; /* or NULL */
};

/* A digest of all that is sent: names, modes, owners, contents, attributes, which names are links.
 * What of the app's source needs no program to be read is read by a process of this user, which is
 * many times faster than a container.
 */
int imagecopy_digest(const struct build *b, const struct imagecopy *copy, char out[HASH_TEXT],
		     struct error *err);
/* Makes the layer UPPER, which stays uncommitted; the caller removes it on failure. */
int imagecopy_run(const struct build *b, const struct imagecopy *copy, const char *upper,
		  struct error *err);

/* The same for a layer with no more than the folder copy->to. */
int imagecopy_folder(const struct build *b, const struct imagecopy *copy, const char *upper,
		     struct error *err);

/* A container of a build: SPEC_STEP, with what every one has. */
void imagecopy_spec(const struct build *b, const struct strvec *layers, const char *upper,
		    struct container_spec *spec);

#endif
