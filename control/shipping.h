/* SPDX-License-Identifier: MIT */
/*
 * Images on their way out: `image:export`, `registry:push`. An app's image, which lies on a stack
 * and starts through Berth's launcher, becomes a container image that starts the same way anywhere:
 * its process `web`, as the app's user in /app, on PORT. Config vars stay here; the other
 * processes are labels.
 */
#ifndef CONTROL_SHIPPING_H
#define CONTROL_SHIPPING_H

#include "control/context.h"
#include "runtime/layout.h"

/* Loads what WHAT means (a name or id of an image, or an app) into IM, which is initialised, as a
 * container image; *out_name, which the caller frees, is what it is called outside. */
int shipping_image(struct context *c, const char *what, struct image *im, char **out_name,
		   struct error *err);

/* Writes IM as NAME into FOLDER and says which layers are packed. */
int shipping_layout(struct context *c, const struct image *im, const char *name, const char *folder,
		    struct layout *out, struct error *err);

#endif
