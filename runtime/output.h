/* SPDX-License-Identifier: MIT */
/*
 * What a detached container's program prints: one pipe for stdout and stderr, which keeps the order
 * of what it wrote, read no faster than runtime/pace.h allows. Of an attached one the descriptors
 * are somebody's outside, and nothing is read.
 */
#ifndef RUNTIME_OUTPUT_H
#define RUNTIME_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "runtime/logfile.h"
#include "runtime/pace.h"

struct output {
	int fd;      /* the end that is read; -1: none */
	int ends[3]; /* stdin, stdout and stderr for the program; -1: it has them */
	struct pace pace;
};

/* ENDS of an attached one, which are owned from here on; NULL: detached. */
void output_init(struct output *o, const int *ends);
/* For the next start of a detached one: makes the pipe, which belongs to USER. */
int output_open(struct output *o, uid_t user, struct error *err);
/* The program has its ends, or will never have them. */
void output_given(struct output *o);
void output_close(struct output *o);
/* What to poll for reading, -1: nothing now; and until when (clock_ms, 0: not waiting). */
int output_poll(struct output *o);
int64_t output_next(const struct output *o);
/* Reads what is there into LOG (NULL: away); LAST: the program has ended, so all that lies in the
 * pipe. Gives whether it printed more than it may and waits. */
bool output_drain(struct output *o, struct logfile *log, bool last);

#endif
