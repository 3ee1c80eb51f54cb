/* SPDX-License-Identifier: MIT */
/*
 * The client of `berth up`: the files below the current folder, their hashes, and the content of
 * those that the server lacks (receiver/upload.h has the protocol). In a git work tree these are
 * the tracked files and those that are not ignored; elsewhere all but what .gitignore names. What
 * .berthignore names, in the same way, stays at home in both.
 */
#ifndef CONTROL_UP_H
#define CONTROL_UP_H

#include "control/laptop.h"

/* Runs WORDS ("up", and perhaps the app) on THERE, or on the instance at ROOT when that has no
 * host. Gives the exit status, having printed what went wrong. */
int up_run(const struct laptop *there, const char *root, const struct strvec *words);

#endif
