/* SPDX-License-Identifier: MIT */
/*
 * The root file system of a container. rootfs_open finds everything that a spec names and holds it
 * (layers stay locked while the descriptors are open); rootfs_enter makes a mount namespace, so
 * that nothing is ever mounted on the host, and rootfs_build the tree in it:
 *
 *   .    a tmpfs of limits.disk bytes: 0, 1, ... the lower layers, u and w the overlay's upper and
 *        work folders (or U, a kept layer), e an empty folder to mask with, r the root
 *   r    the overlay, read-only for apps and builds; on it /app, /tmp, /dev, /etc files, mounts
 *
 * /proc, /sys and the pivot are left to the container's own first process (container.h).
 * Destinations inside an image are looked up with place.h, so its links cannot lead out of it.
 */
#ifndef RUNTIME_ROOTFS_H
#define RUNTIME_ROOTFS_H

#include <stdint.h>

#include "base/error.h"
#include "instance/instance.h"
#include "runtime/bind.h"
#include "runtime/idmap.h"
#include "runtime/seed.h"
#include "runtime/spec.h"

/* Detached copies of everything, made while still in the host's namespace: the kernel copies only
 * mounts of the caller's own. */
struct rootfs_copies {
	int layers[SPEC_MAX_LAYERS], mounts[SPEC_MAX_MOUNTS];
	int upper, ca;
	unsigned n_layers, n_mounts;
	struct idmap_cache cache;
};

struct rootfs {
	struct bind layers[SPEC_MAX_LAYERS];
	unsigned n_layers;
	struct bind mounts[SPEC_MAX_MOUNTS];
	unsigned n_mounts;
	int upper, work; /* -1: a scratch tmpfs */
	int ca;          /* the host's CA bundle, or -1 */
	bool made_upper;
	struct seeds seeds;          /* volumes that the first process fills */
	struct rootfs_copies copies; /* from rootfs_enter to rootfs_build */
};

/* The container's own user in the host's numbers; BASE is the first of its range. For an image the
 * one that it gives by number, otherwise root: its names are not known out here. */
uid_t rootfs_user(const struct container_spec *spec, uid_t base);

/* SPEC must outlive it. The caller calls rootfs_close also after a failure. */
void rootfs_init(struct rootfs *r, const struct container_spec *spec);
int rootfs_open(const struct instance *inst, const struct container_spec *spec, struct rootfs *r,
		struct error *err);
void rootfs_close(struct rootfs *r);

struct rootfs_view {
	uid_t base;          /* first id of the container's range */
	uint64_t disk;       /* bytes of the scratch tmpfs, and of /tmp */
	const char *address; /* for /etc/hosts, "" without network */
	const char *resolv;  /* text of /etc/resolv.conf */
};

/* Enters a new mount namespace, where "." is the empty top of the tree. */
int rootfs_enter(const struct instance *inst, const struct container_spec *spec, struct rootfs *r,
		 const struct rootfs_view *view, struct error *err);
/* Builds the tree there. */
int rootfs_build(const struct container_spec *spec, struct rootfs *r,
		 const struct rootfs_view *view, struct error *err);

#endif
