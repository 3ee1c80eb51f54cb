/* SPDX-License-Identifier: MIT */
/*
 * What goes from the sending to the receiving side of a COPY (buildpacks/berth-copy.c): records of
 * a struct copy_head, the name, and the content of a file or link. COPY_FROM_FOLDER and
 * COPY_FROM_FILE begin what one source gave, COPY_END ends it all.
 */
#ifndef BUILDPACKS_COPYWIRE_H
#define BUILDPACKS_COPYWIRE_H

#include <stdint.h>

enum copy_kind {
	COPY_FROM_FOLDER = 1,
	COPY_FROM_FILE,
	COPY_FOLDER,
	COPY_FILE,
	COPY_LINK,
	COPY_END,
};

struct copy_head {
	uint32_t kind, mode, uid, gid, name_len, reserved;
	int64_t mtime;
	uint64_t size;
};

/* Says what failed, with errno unless that is 0, and ends the program. */
void copy_die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* A line for the user of a copy that goes on. */
void copy_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "/a/./b/" as "a/b"; ".." stops at the root. */
char *copy_clean(const char *s);

/* The two sides, with their own arguments (buildpacks/imagecopy.c writes them); they give the exit
 * status. */
int copy_send(char **argv);
int copy_receive(char **argv);

#endif
