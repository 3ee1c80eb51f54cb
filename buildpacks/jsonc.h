/* SPDX-License-Identifier: MIT */
/* JSON with comments: what app.json may have. */
#ifndef BUILDPACKS_JSONC_H
#define BUILDPACKS_JSONC_H

#include <stddef.h>

#include "base/error.h"

/* Blanks out the // and block comments of TEXT that stand outside strings, keeping every newline,
 * so that line numbers in later errors stay right. Fails when a block comment is not closed. */
int jsonc_blank(char *text, size_t len, struct error *err);

#endif
