/* SPDX-License-Identifier: MIT */
/*
 * Processes: the containers that run an app's process types. What exists is what berth-runtime
 * lists; each container carries its place in its label, "p APP GENERATION EPOCH TYPE N", so there
 * is no second record that could disagree. One-offs: control/detached.h.
 */
#ifndef CONTROL_PROCESS_H
#define CONTROL_PROCESS_H

#include <stdint.h>

#include "base/strbuf.h"
#include "control/app.h"
#include "control/context.h"
#include "control/release.h"
#include "runtime/client.h"
#include "runtime/image.h"

#define PROCESS_PORT 5000

/* Where `web` of a release listens: PROCESS_PORT; for a container image the config's PORT, else the
 * one of the image's environment, else the lowest TCP port that it exposes, or that the Dockerfile
 * it was built from does, whatever the image below exposes. */
unsigned process_port(const struct release *r, const struct image *im);

struct process {
	struct container_status status;
	int64_t app, generation, epoch;
	char type[NAME_TYPE_MAX + 1];
	unsigned n;    /* from 1 */
	unsigned port; /* of what process_start has started; 0 otherwise */
};

/* The containers of APP (0: all), whatever runs in them. The caller frees *out. */
int process_containers(const struct instance *inst, int64_t app, struct container_status **out,
		       size_t *out_n, struct error *err);
/* The processes of APP (0: of all apps), sorted by type and number. The caller frees *out. */
int process_list(const struct instance *inst, int64_t app, struct process **out, size_t *out_n,
		 struct error *err);
/* The state of one container now; ERROR_NOT_FOUND when it is gone. */
int process_status(const struct instance *inst, const char *id, struct container_status *out,
		   struct error *err);
/* "starting", "up", "crashed", "down", "lost" */
const char *process_state_name(enum container_state state);

/* Starts TYPE.N of release R, detached; fills *out. */
int process_start(struct context *c, const struct app *app, const struct release *r,
		  const struct image *im, const char *type, unsigned n, struct process *out,
		  struct error *err);

/* What every container of a release shares: layers, environment, network, limits. DYNO is
 * "web.1" or "run.1234"; COMMAND goes through the launcher. The caller releases *out, also after
 * a failure. */
int process_spec(struct context *c, const struct app *app, const struct release *r,
		 const struct image *im, const char *dyno, const char *command,
		 struct container_spec *out, struct error *err);

/* The last lines that TYPE.N logged since SINCE (unix microseconds), as detail lines, and appended
 * to OUT. */
void process_say_log(struct context *c, const struct app *app, const char *name, int64_t since,
		     struct strbuf *out);

#endif
