/* SPDX-License-Identifier: MIT */
/*
 * One question to berthd that does not block: a command whose stdout, stderr and end arrive as
 * events on an epoll, and whose stdin may be fed bit by bit. Releasing a job that still runs
 * cancels it.
 */
#ifndef CONTROL_WEB_JOB_H
#define CONTROL_WEB_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"
#include "instance/instance.h"

/* Something to watch; the epoll's data.ptr. */
struct watch {
	int fd;
	void (*ready)(struct watch *w, uint32_t events);
	void *owner;
};

struct job {
	int epoll;
	struct watch on_session, on_out, on_err, on_in;
	struct strbuf out, err; /* what came and was not taken yet */
	size_t out_max;         /* no more is read while `out` holds this much; the rest waits */
	bool paused;
	bool done;       /* the command ended and all its output is here */
	int status;      /* its exit status; -1: berthd died under it */
	bool wants_room; /* stdin is full: changed() is called when it has room */
	void (*changed)(struct job *job, void *owner); /* output came, ended, or room in stdin */
	void *owner;
};

void job_init(struct job *job);
void job_release(struct job *job);

/* Starts ARGV for IDENTITY. INPUT (a few hundred bytes at most, NULL: none) is its stdin; with FEED
 * stdin is job_feed's. */
int job_start(struct job *job, const struct instance *inst, int epoll, const char *identity,
	      const struct strvec *argv, const char *input, bool feed, struct error *err);

/* Writes what stdin takes now; gives the number of bytes. Less than LEN: wants_room is set. A
 * command that reads no more takes and drops all. */
size_t job_feed(struct job *job, const void *data, size_t len);
void job_feed_end(struct job *job);

/* After `out` was emptied: reads on. */
void job_continue(struct job *job);

#endif
