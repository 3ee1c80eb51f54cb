/* SPDX-License-Identifier: MIT */
/*
 * A Procfile: which processes an app has. One "TYPE: COMMAND" a line, "#" comments, blank lines;
 * anything else is an error that names its line. Lines end with LF or CRLF; a UTF-8 byte order mark
 * is skipped. Commands are bytes for bash: text of any encoding, no NUL and no control character
 * but tab.
 */
#ifndef BUILDPACKS_PROCFILE_H
#define BUILDPACKS_PROCFILE_H

#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

#define PROCFILE_MAX (4u << 20)       /* bytes of the file */
#define PROCFILE_LINE_MAX (64u << 10) /* bytes of a line: half of what execve(2) takes */
#define PROCFILE_TYPES_MAX 128

struct procfile_entry {
	char *type;
	char *command;
	unsigned line; /* from 1 */
};

struct procfile {
	struct procfile_entry *entries; /* in the file's order */
	size_t n;
};
#define PROCFILE_INIT                                                                              \
	{                                                                                          \
		NULL, 0                                                                            \
	}

void procfile_release(struct procfile *pf);
#define _cleanup_procfile_ _cleanup_(procfile_release)

/* Fills PF, which must be empty; it stays empty on failure (ERROR_INVALID). */
int procfile_parse(struct procfile *pf, const char *text, size_t len, struct error *err);

/* Reads NAME below DIRFD; ERROR_NOT_FOUND when there is none, ERROR_INVALID when it is not a plain
 * file (a link, a folder). */
int procfile_read(struct procfile *pf, int dirfd, const char *name, struct error *err);

/* The command of TYPE, or NULL. */
const char *procfile_command(const struct procfile *pf, const char *type);

#endif
