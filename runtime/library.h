/* SPDX-License-Identifier: MIT */
/*
 * A shared library that few processes need, loaded by those that do: what a program is linked with
 * is copied into each of its forks, and berth-runtime forks for each container.
 */
#ifndef RUNTIME_LIBRARY_H
#define RUNTIME_LIBRARY_H

#include <stddef.h>

#include "base/error.h"

struct library_symbol {
	const char *name;
	void *at; /* the pointer to it that is to be set */
};

/* Loads FILE, "which PURPOSE", and finds N of its SYMBOLS. ERROR_UNSUPPORTED: it is not there, or
 * lacks one. */
int library_load(const char *file, const char *purpose, const struct library_symbol *symbols,
		 size_t n, struct error *err);

#endif
