/* SPDX-License-Identifier: MIT */
/*
 * Folders that a layer's archive brings something for and does not name itself, as the images of
 * some builders have it: they are to look as they do in the layers below. Part of the confined
 * unpacking process (unpack.h).
 */
#ifndef RUNTIME_IMPLIED_H
#define RUNTIME_IMPLIED_H

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strvec.h"

#define IMPLIED_MAX 100000u

struct implied {
	void *paths; /* tsearch(3), of strings */
	size_t n;
};

void implied_release(struct implied *im);
#define _cleanup_implied_ _cleanup_(implied_release)

/* Before an entry is unpacked below the current folder: PATH is relative, with single slashes and
 * neither "." nor "..". FOLDER: it names one. ERROR_INVALID when there are too many. */
int implied_note(struct implied *im, const char *path, bool folder, struct error *err);
/* Those that no entry named, sorted. */
void implied_list(const struct implied *im, struct strvec *out);

#endif
