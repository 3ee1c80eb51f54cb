/* SPDX-License-Identifier: MIT */
/*
 * Where the processes of each app are: run/resolver/apps/APP, "range N" and then a line
 * "TYPE N ADDRESS" for each. berthd replaces an app's file when it changes the app's routes; it is
 * read at every question, so what is answered is what was said last, and nobody has to be told.
 */
#ifndef RESOLVER_NAMES_H
#define RESOLVER_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "instance/instance.h"

/* Of one question. */
#define NAMES_MAX 256
/* For how many seconds an answer may be used. Whoever takes an address out of the names leaves it
 * in use for longer than that. */
#define NAMES_TTL 1

struct names_process {
	const char *type;
	unsigned n;
	const char *address; /* dotted quad */
};

/* berthd's side. Under the app's lock, or repeated until what was said is so. */
int names_publish(const struct instance *inst, const char *app, unsigned range,
		  const struct names_process *processes, size_t n, struct error *err);
/* That there is none is no error. */
int names_remove(const struct instance *inst, const char *app, struct error *err);

/* The resolver's; RUN is a descriptor of the run folder.
 * The id range of APP, 0 when it is not known, and the addresses (host byte order) of its processes
 * of TYPE, in any case; N 0: of all numbers. Gives how many. */
size_t names_find(int run, const char *app, const char *type, unsigned n, unsigned *out_range,
		  uint32_t out[NAMES_MAX]);

#endif
