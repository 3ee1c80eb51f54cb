/* SPDX-License-Identifier: MIT */
/*
 * What goes from the sending to the receiving side of a COPY (buildpacks/berth-copy.c): records of
 * a struct copy_head, the name, and the content of a file or link. COPY_FROM_FOLDER and
 * COPY_FROM_FILE begin what one source gave, COPY_END ends it all. COPY_ATTRIBUTE is an extended
 * attribute, its name and value, of the file or folder before it. A file with more names than one
 * has a number, `link`, from 1 on; COPY_SAME is another name of the file with that number.
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
	COPY_PIPE,
	COPY_SAME,
	COPY_ATTRIBUTE,
};

#define COPY_LINKS_MAX (1u << 18)       /* numbers; what has more is copied once for each name */
#define COPY_ATTRIBUTES_MAX 256         /* of one file or folder */
#define COPY_ATTRIBUTE_SIZE (64u << 10) /* of its value, as the kernel has it */

struct copy_head {
	uint32_t kind, mode, uid, gid, name_len, link;
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
