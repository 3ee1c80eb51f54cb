/* SPDX-License-Identifier: MIT */
/*
 * The child that feeds one layer of a container image to whoever unpacks it: it reads the layer's
 * file in a parcel, plain or packed (gzip, bzip2, xz, zstd), writes the tar in it into a pipe, and
 * hashes both on the way. libarchive reads here what a tenant packed: when that kills the child, or
 * eats its memory, the layer is refused and the caller goes on.
 *
 *   feeder_start   forks it; the tar comes out of `data`
 *   feeder_end     says what it read; whether those are the right digests is the caller's to judge
 *
 * It runs as its caller, user berth, with what the caller has open, and dies with it. It allocates,
 * so the caller has no threads. A tar without the padding and the two blocks at its end (umoci)
 * gets them in the pipe; the digests are of what is in the file.
 */
#ifndef RUNTIME_FEEDER_H
#define RUNTIME_FEEDER_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "runtime/digest.h"
#include "runtime/parcel.h"

struct feeder {
	int data;   /* the tar, to read from */
	int answer; /* its report */
	pid_t pid;
};

/* What was in the file. */
struct feeder_report {
	char diff_id[DIGEST_SIZE]; /* of the tar */
	char digest[DIGEST_SIZE];  /* of the file; the same when that is not packed */
	uint64_t size;             /* of the file, in bytes */
};

/* Starts on the file NAME of B, which must open no other before feeder_end. That call must follow,
 * unless this one fails: ERROR_SYSTEM, without a child. What is wrong with the file is feeder_end's
 * to say. */
int feeder_start(const struct parcel *b, const char *name, struct feeder *out, struct error *err);

/* Closes `data`, waits for the child and gives its report. ERROR_INVALID says what is wrong with
 * the file (it is missing, no archive, damaged, too large), or "Broken pipe": nobody read to the
 * end. ERROR_FAILED: the child died. */
int feeder_end(struct feeder *f, struct feeder_report *out, struct error *err);

#endif
