/* SPDX-License-Identifier: MIT */
/*
 * What an HTTP request asks for: method and path to an endpoint, and the headers that say who asks.
 * Pure functions over text from anybody.
 *
 *   GET  /healthz                   "ok", for load balancers; the only one without a token
 *   GET  /metrics                   Prometheus text
 *   GET  /v1/apps                   apps:list --format json
 *   GET  /v1/apps/APP               apps:info APP --format json
 *   GET  /v1/apps/APP/releases      releases APP --format json
 *   GET  /v1/apps/APP/builds        builds:list APP --format json
 *   GET  /v1/apps/APP/builds/ID     builds:info; ID may be "current"
 *   GET  /v1/apps/APP/builds/ID/output  builds:output --no-follow: text
 *   POST /v1/apps/APP/deploy        the body is a tar archive, plain or compressed; "?wait"
 *
 * HEAD is allowed where GET is.
 */
#ifndef CONTROL_WEB_ROUTE_H
#define CONTROL_WEB_ROUTE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strvec.h"
#include "instance/name.h"

enum route_kind {
	ROUTE_HEALTH = 1,
	ROUTE_METRICS,
	ROUTE_APPS,
	ROUTE_APP,
	ROUTE_RELEASES,
	ROUTE_BUILDS,
	ROUTE_BUILD,
	ROUTE_BUILD_OUTPUT,
	ROUTE_DEPLOY,
};

struct route {
	enum route_kind kind;
	char app[NAME_APP_MAX + 1]; /* checked; "" where there is none */
	char build[20];             /* digits, or "current"; "" where there is none */
};

/* Gives 0 and fills OUT, or the HTTP status to refuse with: 404, 400 (a malformed path or app
 * name, the reason in ERR) or 405 (*out_allow then says what is allowed). PATH is as it was sent,
 * with its percent signs. */
int route_find(const char *method, const char *path, struct route *out, const char **out_allow,
	       struct error *err);

/* The words of the berthd command behind R. */
void route_command(const struct route *r, struct strvec *argv);

/* The token in an Authorization header: "Bearer TOKEN", or "Basic" with it as the password. The
 * caller frees it; NULL when there is none that has a token's form. HEADER may be NULL. */
char *route_token(const char *header);

#endif
