/* SPDX-License-Identifier: MIT */
/*
 * Which of its limits a container hits while it runs, so that its log can name them. The kernel
 * counts killed and refused processes in the control group; that a tmpfs is full has to be looked
 * for. A look costs eight system calls and is taken every QUOTA_EVERY_MS and at the end.
 */
#ifndef RUNTIME_QUOTA_H
#define RUNTIME_QUOTA_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/cgroup.h"
#include "runtime/logfile.h"
#include "runtime/spec.h"

#define QUOTA_EVERY_MS 5000
/* One that is hit all the time is told again after that long. */
#define QUOTA_AGAIN_MS 60000

enum quota_hit {
	QUOTA_MEMORY = 1 << 0,
	QUOTA_PIDS = 1 << 1,
	QUOTA_DISK = 1 << 2,
	QUOTA_LOG = 1 << 3, /* of pace.h */
};
#define QUOTA_KINDS 4
#define QUOTA_DISKS 2

struct quota {
	const struct cgroup *cgroup;
	struct cgroup_hits before, last; /* at the start of the run, and at the last look */
	int disks[QUOTA_DISKS];          /* the root and /tmp, held for statfs; -1: none */
	int64_t next_ms;                 /* clock_ms of the next look; 0: only at the end */
	int64_t told_ms[QUOTA_KINDS];
};

void quota_init(struct quota *q);
/* Before a run in CGROUP, which outlives Q. */
void quota_begin(struct quota *q, const struct cgroup *cgroup);
/* The bytes that are written where the container with INIT may write: its root or /tmp, which has
 * more. */
uint64_t quota_disk_use(pid_t init);
/* Looks from now on, at the disks of INIT too: a child of the caller that is not reaped. */
void quota_watch(struct quota *q, pid_t init);
/* What was hit since the last look and is to be told: enum quota_hit. */
unsigned quota_look(struct quota *q);
/* Whether KIND, which was hit, is to be told: not again within QUOTA_AGAIN_MS. */
bool quota_is_news(struct quota *q, enum quota_hit kind);
/* Names in LOG each limit of HIT (enum quota_hit), with its value in LIMITS. */
void quota_tell(struct logfile *log, const struct spec_limits *limits, unsigned hit);
/* After the run: lets go of the disks. True when the memory limit killed any of its processes. */
bool quota_end(struct quota *q);

#endif
