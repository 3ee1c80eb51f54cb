/* SPDX-License-Identifier: MIT */
/*
 * The HEALTHCHECK of a container image as something that a process is watched by. Its shim runs it
 * (runtime/health.h), from the start of the process to its end; a deploy waits for the first
 * success (control/check.h).
 */
#ifndef CONTROL_HEALTH_H
#define CONTROL_HEALTH_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "buildpacks/appjson.h"
#include "control/context.h"
#include "control/release.h"
#include "runtime/client.h"
#include "runtime/image.h"

/* What app.json says in the source of R; AJ is initialised and empty, and stays so without one. */
void health_read_appjson(struct context *c, const struct release *r, struct appjson *aj);

/* Fills OUT, initialised and empty, for TYPE of release R: `web` alone has it, unless app.json has
 * start-up checks for it. */
void health_of(struct context *c, const struct app *app, const struct release *r,
	       const struct image *im, const char *type, struct spec_health *out);

/* What the last check said: "'curl ...' ended with status 1: cannot connect". */
void health_explain(const struct spec_health *h, const struct container_status *s,
		    struct strbuf *out);

/* COMMAND as a person knows it: what a shell is given, not the shell. The caller frees it. */
char *health_command_text(const struct strvec *command);

#endif
