/* SPDX-License-Identifier: MIT */
/*
 * An image: an ordered list of layers plus how to start. Immutable once written; kept as
 * lib/images/ID.json by user berth (root never reads it). The id is a hash of that, so the same
 * layers and processes are the same image. With layers that are named after what they hold, and
 * `base`, the same image has the same id wherever it was built.
 *
 * There are two kinds. An app's image lies on a stack: its processes are lines for bash, in /app of
 * a read-only root (SPEC_APP). A container image, which came from elsewhere or was built from a
 * Dockerfile, is complete in itself and starts as its configuration says (SPEC_IMAGE); a layer of
 * one that came from elsewhere is named after its digest, IMAGE_OCI_LAYER and 64 hex digits.
 */
#ifndef RUNTIME_IMAGE_H
#define RUNTIME_IMAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"
#include "runtime/imageconfig.h"

#define IMAGE_OCI_LAYER "oci-"
#define IMAGE_MAX_LAYERS 127

struct image_process {
	char *type;
	char *command; /* one line for bash, as in a Procfile */
};

/* One step of how a container image came to be; texts may be "". */
struct image_step {
	char *created, *created_by, *comment;
	bool empty; /* it made no layer */
};

struct image {
	char *id;             /* 32 hex digits; set by image_save */
	struct strvec layers; /* topmost first: "layer/ID", "source/TREE" */
	struct image_process *processes;
	size_t n_processes;
	struct strvec env;   /* "KEY=VALUE" defaults from the buildpacks; config vars win */
	struct strvec packs; /* names, in the order they ran */
	char *base;          /* digest of what the shared layers at the bottom hold, or NULL */
	char *tree;          /* the source tree it was built from, or NULL */
	char *builder;       /* "buildpacks", "import", "dockerfile" */
	bool container;      /* a container image; all below is for these only */
	struct image_config config;
	struct image_step *history; /* oldest first */
	size_t n_history;
	char *architecture, *created; /* "amd64", RFC 3339; or "" */
	int port;     /* where it listens, of those that it exposes; 0: the lowest */
	char *source; /* what it was made from: "docker.io/library/redis:7"; or "" */
};

void image_init(struct image *im);
void image_release(struct image *im);
#define _cleanup_image_ _cleanup_(image_release)

void image_add_process(struct image *im, const char *type, const char *command);
void image_add_step(struct image *im, const char *created, const char *created_by,
		    const char *comment, bool empty);
/* Makes the program that a container image starts its process `web`; nothing when it says none. */
void image_set_program(struct image *im);
/* The command of TYPE, or NULL. */
const char *image_command(const struct image *im, const char *type);
/* Fills id and writes lib/images/ID.json; writing the same image again is no error. */
int image_save(const struct instance *inst, struct image *im, struct error *err);
int image_load(const struct instance *inst, const char *id, struct image *im, struct error *err);

/* argv that starts COMMAND in a container of IM: through the launcher, or, in a container image, by
 * itself when it is only words (then no shell need be there), else by sh -c. */
void image_argv(const struct image *im, const char *command, struct strvec *argv);

/* argv that starts COMMAND as Heroku does: bash sources .profile.d scripts in name order and
 * .profile in /app, then execs it. */
void image_launch_argv(const char *command, struct strvec *argv);

#endif
