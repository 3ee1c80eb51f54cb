/* SPDX-License-Identifier: MIT */
/*
 * A project.toml: what the app itself says of its buildpacks and how it is built (Project
 * Descriptor of Cloud Native Buildpacks, schema 0.1: [build], 0.2 and 0.3: [io.buildpacks]). A
 * field that is known but of the wrong kind is an error that names it; others are ignored. What
 * only the build container needs (scripts, patterns of files) stays in the file: the driver reads
 * it there.
 */
#ifndef BUILDPACKS_PROJECT_H
#define BUILDPACKS_PROJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strvec.h"

#define PROJECT_MAX (256u << 10) /* bytes of the file */

struct project_pack {
	char *name;   /* as packs_add knows it: an address, "./FOLDER", a bundled one's; of a script
			 what the file calls it */
	char *script; /* where the file has its script ("io.buildpacks.group.2"), or NULL */
	bool optional;
};

struct project_list {
	struct project_pack *v;
	size_t n;
};

struct project {
	struct project_list group;     /* the packs, in order */
	struct project_list pre, post; /* around what else chooses them when `group` is empty */
	struct strvec env;             /* "K=V", while building */
	bool filtered; /* `include` or `exclude`: some files are no part of the app */
	char *builder; /* an image that Berth has no use for, or NULL */
};
#define PROJECT_INIT                                                                               \
	{                                                                                          \
		.env = STRVEC_INIT                                                                 \
	}

void project_release(struct project *p);
#define _cleanup_project_ _cleanup_(project_release)

/* Fills P, which must be empty; it stays so on failure. */
int project_parse(struct project *p, const char *text, size_t len, struct error *err);
/* Reads the file below DIRFD; without one P stays empty. */
int project_read(struct project *p, int dirfd, struct error *err);

#endif
