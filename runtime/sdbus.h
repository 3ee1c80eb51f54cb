/* SPDX-License-Identifier: MIT */
/*
 * What a scope needs of systemd's manager (org.freedesktop.systemd1(5)), over D-Bus with sd-bus(3).
 * libsystemd is loaded when it is first needed, so that nothing else takes the time for it, nor
 * needs it to be there.
 */
#ifndef RUNTIME_SDBUS_H
#define RUNTIME_SDBUS_H

#include "base/error.h"
#include "runtime/property.h"

struct sdbus;

/* The machine's bus, or, without one, systemd itself. ERROR_UNSUPPORTED where libsystemd is not. */
int sdbus_open(struct sdbus **out, struct error *err);
void sdbus_free(struct sdbus *b);
static inline void sdbus_freep(struct sdbus **b)
{
	sdbus_free(*b);
}

/* Starts a transient unit, and waits until that is done; one of that name which has failed, and is
 * remembered for it alone, gives way. */
int sdbus_start(struct sdbus *b, const char *unit, const struct properties *p, struct error *err);
/* Stops a unit and waits; one that is gone is no error. */
int sdbus_stop(struct sdbus *b, const char *unit, struct error *err);
/* Until the unit is gone. */
int sdbus_set(struct sdbus *b, const char *unit, const struct properties *p, struct error *err);
/* The path of its control group below the hierarchy's top. */
int sdbus_cgroup(struct sdbus *b, const char *unit, char **out, struct error *err);

#endif
