/* SPDX-License-Identifier: MIT */
/* Images from registries, with what is said on the way. */
#ifndef CONTROL_IMAGEPULL_H
#define CONTROL_IMAGEPULL_H

#include "control/context.h"
#include "runtime/image.h"
#include "runtime/intake.h"

/* How images are taken in, each layer named as it comes; NAME: which of several, or NULL. */
struct intake imagepull_intake(struct context *c, const char *name);

/* "12.3 MB"; "" for nothing. The caller frees it. */
char *imagepull_size(uint64_t bytes);

/* Fills IM, initialised and empty, with the image REF of a registry, and saves it. */
int imagepull_run(struct context *c, const char *ref, struct image *im, struct error *err);

#endif
