/* SPDX-License-Identifier: MIT */
/*
 * What layers hold, as digests that are the same wherever the same was built: names, modes, links
 * and contents count; times, owners and inode numbers do not. A container that runs nothing but
 * share/berth/buildpacks/driver/digest reads them, since their files are the app's own.
 *
 * Of a runtime layer the list of installed packages with their versions counts, since what installs
 * them leaves logs and caches that differ each time; of a stack all that it holds. Both are read
 * once and kept as lib/contents/LAYER.
 */
#ifndef BUILDPACKS_CONTENT_H
#define BUILDPACKS_CONTENT_H

#include "base/error.h"
#include "base/strvec.h"
#include "buildpacks/hash.h"
#include "instance/instance.h"

/* Of /app as LAYERS ("layer/ID" and "source/TREE", topmost first, the stack last) show it. */
int content_app(const struct instance *inst, const struct strvec *layers, char out[HASH_TEXT],
		struct error *err);
/* Of the layer STACK and RUNTIME on it (NULL: none). */
int content_base(const struct instance *inst, const char *stack, const char *runtime,
		 char out[HASH_TEXT], struct error *err);

#endif
