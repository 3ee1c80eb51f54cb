/* SPDX-License-Identifier: MIT */
/*
 * The router's table: which host name goes to which containers of which app. The table file
 * (lib/router/routes.json) is the truth: it is replaced whole and durably, and nginx is told the
 * difference over run/router/control.sock (nginx makes its sockets open to all, so it is their
 * folder that is private); no reload. A starting nginx reads the file.
 *
 * Only the holder of the routes lock changes the table; router_apply takes it.
 */
#ifndef ROUTER_ROUTER_H
#define ROUTER_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"
#include "instance/instance.h"

struct router_backend {
	const char *id;      /* the container's id */
	const char *address; /* dotted quad */
	uint16_t port;
};

enum router_state {
	ROUTER_UP = 1,      /* has backends */
	ROUTER_DOWN,        /* known, nothing runs: the 503 page */
	ROUTER_MAINTENANCE, /* the maintenance page, 503 with Retry-After */
};

struct router_app {
	const char *app;
	enum router_state state;
	const struct strvec *hosts; /* lower case, "*.example.com" allowed */
	const struct router_backend *backends;
	size_t n_backends;
	const char *page; /* maintenance: the HTML to serve, or NULL for the built-in one */
	size_t page_len;
};

/* Writes lib/router/nginx.conf for this instance from its settings ([http] address, port) and
 * makes its folders. Called before nginx starts. */
int router_configure(const struct instance *inst, struct error *err);
/* argv that runs nginx in the foreground with that configuration. */
int router_command(const struct instance *inst, struct strvec *argv, struct error *err);

/* Sets APP's routes to exactly this and returns when every nginx worker uses them. A host that
 * another app has is ERROR_EXISTS and names it; nothing changes then. nginx not running is no
 * error: it will read the file. */
int router_apply(const struct instance *inst, const struct router_app *app, struct error *err);
/* Appends the names of all apps that have routes. */
int router_list(const struct instance *inst, struct strvec *out, struct error *err);
/* Forgets APP. */
int router_remove(const struct instance *inst, const char *app, struct error *err);
/* Takes every backend out of the table and leaves the rest: after a boot, before the first
 * container starts, because a new one may get the address that another app's had. Requests for apps
 * that are to be up are held until they are. */
int router_forget_backends(const struct instance *inst, struct error *err);
/* Puts a table that cannot be read aside, as routes.json.damaged: it is made anew from what the
 * apps should be. *out_repaired says whether that was needed. Called before the apps are
 * reconciled. */
int router_repair(const struct instance *inst, bool *out_repaired, struct error *err);
/* Requests that are at this backend right now; -1 when nginx does not answer (then none are). */
int router_in_flight(const struct instance *inst, const char *backend_id, long *out,
		     struct error *err);
/* Per-app counters as a JSON document: {"APP": {"requests": N, "status": {"2xx": N, ...},
 * "latency": {"le": [..seconds..], "count": [...], "sum": S},
 * "bytes": {"in": N, "out": N}, "in_flight": N}}; "count" is not cumulative and has one more
 * element than "le". Up to a second old. "{}" when nginx does not run. */
int router_stats(const struct instance *inst, struct strbuf *out, struct error *err);
/* Renames every log of lib/router/logs/APP.log that has more than MAX_BYTES to APP.log.1, replacing
 * an earlier one; nginx goes on in a new file. Called now and then by berthd. */
int router_rotate_logs(const struct instance *inst, uint64_t max_bytes, struct error *err);
/* The URL of a host on this instance: "http://HOST", with the port when it is not the scheme's. */
char *router_url(const struct instance *inst, const char *host);

#endif
