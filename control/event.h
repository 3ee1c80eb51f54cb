/* SPDX-License-Identifier: MIT */
/*
 * What Berth itself did to an app, as lines of its log: "TIME berth[api]: Release v7 created by
 * anna", in lib/events/APP.log. Kept below EVENT_LOG_MAX bytes by dropping the older half.
 */
#ifndef CONTROL_EVENT_H
#define CONTROL_EVENT_H

#include "control/app.h"
#include "control/context.h"

#define EVENT_LOG_MAX (1u << 20)

/* Failing to note an event never fails what it notes. */
void event_note(struct context *c, const char *app, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
