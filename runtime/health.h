/* SPDX-License-Identifier: MIT */
/*
 * Whether the program in a container is well, as its image says how to find out (HEALTHCHECK): a
 * command that runs in the container now and then. The shim asks, so it goes on whatever else is
 * restarted, and ends with the container; one command at a time, in a process that lives as long as
 * the command, of whose output little is kept.
 *
 * "starting" until the first success, which is looked for soon and then less and less often; then
 * every interval. As many failures in a row as `retries` make it unhealthy, those of the start
 * period not counted; before the first success no sooner than intervals would have told.
 */
#ifndef RUNTIME_HEALTH_H
#define RUNTIME_HEALTH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/client.h"
#include "runtime/container.h"
#include "runtime/logfile.h"
#include "runtime/plan.h"

#define HEALTH_LEAST_MS 5000 /* between two checks, whatever the image says */
#define HEALTH_FIRST_MS 300  /* until the first; doubles up to HEALTH_SOON_MS */
#define HEALTH_SOON_MS 5000
#define HEALTH_READ_MAX (8u << 20) /* bytes of output; who prints more waits */

struct health {
	const struct spec_health *spec;
	struct container_status *status; /* where what it finds is written */
	int64_t started_ms, next_ms;     /* clock_ms; 0: not running; none is due */
	int64_t pause_ms;                /* the last one, while starting */
	int64_t kill_ms;                 /* the command's process has hung */
	pid_t pid;
	int pidfd; /* readable when the command has ended; -1: none runs */
	int output;
	uint64_t read;
	size_t tail_len;
	char tail[256]; /* of its output */
};

void health_init(struct health *h, const struct spec_health *spec, struct container_status *status);
/* The program has started. */
void health_begin(struct health *h);
/* It has ended, or is to end: no check runs any more. */
void health_end(struct health *h);
/* When health_tick has something to do; 0: never. */
int64_t health_next(const struct health *h);
/* Begins a check that is due, ends one that hangs. */
void health_tick(struct health *h, const struct plan *plan, const struct container_run *run);
/* Its output is readable, and is to be read. */
bool health_may_read(const struct health *h);
void health_read(struct health *h);
/* Its pidfd is readable: true when the state has changed. */
bool health_take(struct health *h);
/* Names in LOG the change from BEFORE, and what the check said. */
void health_tell(const struct health *h, struct logfile *log, enum container_health before);

#endif
