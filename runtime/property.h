/* SPDX-License-Identifier: MIT */
/*
 * Properties of a unit of systemd's (org.freedesktop.systemd1(5)), as they are before they go over
 * the bus: a name, a type as D-Bus writes it, a value.
 */
#ifndef RUNTIME_PROPERTY_H
#define RUNTIME_PROPERTY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strvec.h"
#include "runtime/hierarchy.h"

struct property {
	char *name;
	char type[3];        /* y b n q i u x t s, or as, ay, au */
	int64_t number;      /* y b n q i u x, and t by its bits */
	struct strvec texts; /* s: one; as */
	void *bytes;         /* ay, au */
	size_t size;         /* of those */
};

struct properties {
	struct property *v;
	size_t n;
};

#define PROPERTIES_INIT                                                                            \
	{                                                                                          \
		NULL, 0                                                                            \
	}

void properties_release(struct properties *p);
#define _cleanup_properties_ _cleanup_(properties_release)

/* TYPE is one of a number's, or "b". */
void properties_number(struct properties *p, const char *name, const char *type, int64_t n);
void properties_text(struct properties *p, const char *name, const char *text);
void properties_pid(struct properties *p, const char *name, pid_t pid);

/* What systemd has to know of the limits in WRITES, files of cgroup version 2: it would set its own
 * values otherwise. What it has no property for, or a property with other bounds, is left out: the
 * files have it all the same. */
void properties_limits(struct properties *p, const struct hierarchy_write *writes, unsigned n);

/* The annotations "org.systemd.property.NAME" of a config: their values are as runc and crun take
 * them, a number, with its type before it or not, true or false, 'text' or ['text', ...]; a time
 * NAMESec in seconds becomes NAMEUSec. */
int properties_annotations(struct properties *p, json_t *annotations, struct error *err);

#endif
