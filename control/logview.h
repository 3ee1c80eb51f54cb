/* SPDX-License-Identifier: MIT */
/*
 * An app's log as one stream: what its processes print (lib/logs/app-ID), what the router served
 * (lib/router/logs/APP.log) and what Berth did (lib/events/APP.log), ordered by their timestamps
 * (RFC 3339 in UTC sorts as text). Files are rotated by their writers while they are read.
 */
#ifndef CONTROL_LOGVIEW_H
#define CONTROL_LOGVIEW_H

#include "control/app.h"
#include "control/context.h"

struct logview {
	size_t lines;        /* how many past lines */
	bool follow;         /* go on until the client leaves */
	const char *process; /* "web", "web.1", "router", "api", or NULL for all */
};

int logview_run(struct context *c, const struct app *app, const struct logview *view,
		struct error *err);

#endif
