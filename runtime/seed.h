/* SPDX-License-Identifier: MIT */
/*
 * What a new volume begins with. As under Docker, one on a folder of a container image starts as
 * that folder is: its owner, its mode, and what is in it. Where the image has none it belongs to
 * the program's user, so that the program can write.
 *
 * A volume is new from the moment it is made until the first program that may write to it starts: a
 * mark on its folder (trusted.berth.new, which nothing inside a container can set) says so. Root
 * only opens the two folders, as rootfs.h does; the copy is made by the container's first process,
 * in its user namespace and its cgroup, which follows no link and makes nothing but files, folders
 * and links. Whoever begins has a lock, and one that was cut short is begun again from nothing.
 */
#ifndef RUNTIME_SEED_H
#define RUNTIME_SEED_H

#include <stdbool.h>

#include "base/error.h"
#include "instance/instance.h"
#include "runtime/program.h"
#include "runtime/spec.h"
#include "runtime/step.h"

#define SEED_FILES 100000       /* files, folders and links of an image's folder */
#define SEED_BYTES (1ull << 30) /* and their bytes */

struct seed {
	unsigned mount; /* which of the spec's */
	int volume;     /* its folder on the host; not owned */
	int image;      /* what the image has in its place, or -1 */
	int place;      /* it, as the container sees it, or -1 */
};

struct seeds {
	const struct container_spec *spec;
	struct seed v[SPEC_MAX_MOUNTS];
	unsigned n;
	int lock;
};

void seeds_init(struct seeds *s, const struct container_spec *spec);
void seeds_release(struct seeds *s);

/* Says that the volume FD, which nobody has seen yet, is new. Where the file system cannot keep
 * that it stays as it is made. */
void seed_mark(int fd);
/* Notes the volume FD of the spec's mount MOUNT when it is new and the container may fill it. */
void seeds_note(struct seeds *s, unsigned mount, int fd);
/* Waits until no other container fills any of them; what is noted afterwards is this one's to fill,
 * and empty. ERROR_BUSY when that takes too long. */
int seeds_claim(struct seeds *s, const struct instance *inst, struct error *err);
/* The mount MOUNT is about to hide DEST below ROOT, and afterwards is TREE. */
void seeds_before(struct seeds *s, unsigned mount, int root, const char *dest);
int seeds_after(struct seeds *s, unsigned mount, int tree, struct error *err);

/* In the container's first process, which will become P: fills them. System calls only. */
enum step seeds_fill(const struct seeds *s, const struct program *p, const char **out_subject);
/* Outside, before P runs: they are new no more. */
int seeds_settle(struct seeds *s, struct error *err);

#endif
