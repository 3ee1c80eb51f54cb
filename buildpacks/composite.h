/* SPDX-License-Identifier: MIT */
/*
 * Composite packs of Cloud Native Buildpacks: a buildpack.toml with an order of other packs. Which
 * of them serve an app is found out in the build container; before it, Berth wants to know which of
 * its own packs they name, because those need Debian packages.
 */
#ifndef BUILDPACKS_COMPOSITE_H
#define BUILDPACKS_COMPOSITE_H

#include "base/strvec.h"

/* Adds the ids that the pack in the folder DIRFD lists, and those in it, which are in none of its
 * folders; each once. Somebody else's folder: no link out of it is followed, a file that is not as
 * it should be lists nothing, and of a folder with very many only the first count. */
void composite_missing(int dirfd, struct strvec *out);

#endif
