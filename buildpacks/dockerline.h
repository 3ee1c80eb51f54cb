/* SPDX-License-Identifier: MIT */
/*
 * The lines of a Dockerfile as they are meant: directives at the top read, comments and empty lines
 * left out, continued lines joined, each byte still knowing where it stood. Bounded: at most
 * DOCKERLINE_FILE_MAX bytes.
 */
#ifndef BUILDPACKS_DOCKERLINE_H
#define BUILDPACKS_DOCKERLINE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strbuf.h"

#define DOCKERLINE_FILE_MAX (1u << 20)

/* From `offset` of the joined text on, the text stood at line:column (counted from 1). */
struct dockerline_part {
	size_t offset;
	unsigned line, column;
};

struct dockerline {
	struct strbuf text; /* joined, without white space at its ends */
	struct dockerline_part *parts;
	size_t n_parts;
};

/* What is read, and how far. */
struct dockerlines {
	const char *at, *end;
	unsigned line; /* of `at` */
	char escape;   /* '\\', or '`' when the directive says so */
};

/* Reads the directives. DATA stays the caller's and outlives *LINES. */
int dockerlines_start(struct dockerlines *lines, const char *data, size_t len, struct error *err);
/* The next line into OUT, which is initialised: 1, or 0 at the end. */
int dockerlines_next(struct dockerlines *lines, struct dockerline *out);
/* Appends the physical lines up to one that is TERMINATOR to OUT, without tabs at their begin when
 * STRIP; -1 when the file ends before. */
int dockerlines_heredoc(struct dockerlines *lines, const char *terminator, bool strip,
			struct strbuf *out);

void dockerline_init(struct dockerline *line);
void dockerline_release(struct dockerline *line);
#define _cleanup_dockerline_ _cleanup_(dockerline_release)

/* Where byte OFFSET of the text stood. */
void dockerline_place(const struct dockerline *line, size_t offset, unsigned *out_line,
		      unsigned *out_column);

#endif
