/* SPDX-License-Identifier: MIT */
/*
 * The log of one process: lib/logs/APP/NAME.log, lines of
 *   2026-11-23T16:00:00.123456Z app[NAME]: what the program wrote
 *   2026-11-23T16:00:00.123456Z berth[NAME]: what the platform says
 * Folders are root's and berth's to read (0750), files 0640. A line of more than LOGFILE_LINE_MAX
 * bytes is split; control characters but tab and escape become "?". A file that would grow past its
 * maximum is renamed NAME.log.1 (.1 to .2, ...); LOGFILE_KEPT are kept. Two shims may write the
 * same file during a deploy: each write is whole lines, and rotation is under a lock.
 *
 * Running out of disk loses lines, never the program: what could not be written is counted and said
 * when writing works again.
 */
#ifndef RUNTIME_LOGFILE_H
#define RUNTIME_LOGFILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define LOGFILE_LINE_MAX 10000
#define LOGFILE_KEPT 5
#define LOGFILE_DEFAULT_MAX (10u << 20)

struct logfile {
	int dirfd, fd;
	char name[160];  /* "NAME.log" */
	char label[140]; /* "NAME" */
	uint64_t max, size, lost;
	ino_t inode;
	char *line; /* an unfinished line, LOGFILE_LINE_MAX bytes; made when first needed */
	size_t line_len;
	char *out; /* whole lines on their way to the file */
	size_t out_len;
};

/* LOGS is the path of lib/logs. GID may read. */
int logfile_open(struct logfile *lf, const char *logs, const char *app, const char *name,
		 uint64_t max, gid_t gid, struct error *err);
/* Takes what the program wrote. */
void logfile_feed(struct logfile *lf, const char *data, size_t len);
/* Ends an unfinished line and writes everything. */
void logfile_finish(struct logfile *lf);
/* Writes what is complete. */
void logfile_flush(struct logfile *lf);
/* A line of the platform's own. */
void logfile_say(struct logfile *lf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void logfile_close(struct logfile *lf);

/* Removes NAME.log of APP and all that it was rotated to; a missing one is no error. */
int logfile_remove(const char *logs, const char *app, const char *name, struct error *err);

#endif
