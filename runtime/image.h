/* SPDX-License-Identifier: MIT */
/*
 * An image: an ordered list of layers plus how to start. Immutable once written; kept as
 * lib/images/ID.json by user berth (root never reads it). The id is a hash of that, so the same
 * layers and processes are the same image. With layers that are named after what they hold, and
 * `base`, the same image has the same id wherever it was built.
 */
#ifndef RUNTIME_IMAGE_H
#define RUNTIME_IMAGE_H

#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strvec.h"
#include "instance/instance.h"

struct image_process {
	char *type;
	char *command; /* one line for bash, as in a Procfile */
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
	char *builder;       /* "buildpacks" */
};

void image_init(struct image *im);
void image_release(struct image *im);
#define _cleanup_image_ _cleanup_(image_release)

void image_add_process(struct image *im, const char *type, const char *command);
/* The command of TYPE, or NULL. */
const char *image_command(const struct image *im, const char *type);
/* Fills id and writes lib/images/ID.json; writing the same image again is no error. */
int image_save(const struct instance *inst, struct image *im, struct error *err);
int image_load(const struct instance *inst, const char *id, struct image *im, struct error *err);

/* argv that starts COMMAND as Heroku does: bash sources .profile.d scripts in name order and
 * .profile in /app, then execs it. */
void image_launch_argv(const char *command, struct strvec *argv);

#endif
