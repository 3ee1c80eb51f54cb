/* SPDX-License-Identifier: MIT */
/*
 * Layers become archives: what import.h does, the other way. A cell that sees nothing but the
 * layer, as its owner and read-only, writes the tar (runtime/pack.h); it is told beforehand which
 * folders hide what is below them, since only root can read their marks.
 */
#ifndef RUNTIME_EXPORT_H
#define RUNTIME_EXPORT_H

#include "base/error.h"
#include "instance/instance.h"

/* Writes the tar of REF ("layer/ID" or "source/TREE") to FD, which stays the caller's. */
int export_layer(const struct instance *inst, const char *ref, int fd, struct error *err);

#endif
