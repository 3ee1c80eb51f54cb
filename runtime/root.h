/* SPDX-License-Identifier: MIT */
/*
 * The part of a container's root that its own first process makes, in the container's namespaces:
 * what only it may mount, devices, what is hidden or read-only, and the change of root. Everything
 * is looked up inside the root (place.h). System calls only: failures are a step, errno and the
 * subject.
 */
#ifndef RUNTIME_ROOT_H
#define RUNTIME_ROOT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/step.h"

/* Of mount_setattr(2): for a mount, and for it and all below it. */
struct root_attrs {
	uint64_t set, clear, all_set, all_clear, propagation;
};

/* A detached mount (TREE), one that is made when its turn comes (FROM), or a new file system of
 * TYPE. From Linux 6.8 on the kernel lists mounts in the order in which they were made, not
 * attached: so what need not be opened beforehand is not. */
struct root_mount {
	const char *dest;
	int tree; /* or -1 */
	const char *from;
	bool recursive;          /* with all that is mounted below FROM */
	struct root_attrs attrs; /* of FROM's */
	bool file;               /* TREE or FROM is not a folder */
	const char *type, *source, *data;
	unsigned long flags;         /* MS_..., of a new file system */
	unsigned long propagation;   /* MS_PRIVATE and the like, 0: as it comes */
	bool or_empty;               /* where the kernel refuses it: root.empty in its place */
	bool copy_up;                /* starts with what the image has there */
	uint64_t tree_set, tree_clr; /* MOUNT_ATTR_* for it and all below it, once it is mounted */
	const char *after_ro;        /* then the mount at this path becomes read-only */
};

struct root_device {
	const char *path;
	mode_t mode; /* with its type */
	unsigned major, minor;
	uid_t uid;
	gid_t gid;
};

struct root_link {
	const char *path, *target;
};

struct root_sysctl {
	const char *path; /* below /proc/sys */
	const char *value;
};

struct root {
	const char *path;
	unsigned long host_propagation; /* of the mounts that came along, 0: as they are */
	unsigned long propagation;      /* of the new "/", 0: private */
	bool pivot;   /* there is a mount namespace of its own; otherwise chroot(2) */
	bool nodes;   /* device nodes may be made; otherwise the host's are mounted */
	bool console; /* the terminal is its /dev/console, too */
	bool read_only;
	uid_t owner; /* of mount points that have to be made */
	const struct root_mount *mounts;
	unsigned n_mounts;
	const struct root_device *devices;
	unsigned n_devices;
	const struct root_link *links;
	unsigned n_links;
	const struct root_sysctl *sysctls;
	unsigned n_sysctls;
	const char *const *masked; /* show nothing; what does not exist is fine */
	unsigned n_masked;
	const char *const *protected; /* read-only, likewise */
	unsigned n_protected;
	const char *empty; /* an empty folder to mask with, NULL: a tmpfs for each */
};

int root_set_attrs(const struct root_attrs *a, int tree);
/* Builds it, up to what is masked. */
enum step root_build(const struct root *root, int *out_fd, const char **out_subject);
/* /dev/console becomes TERMINAL. Gives 0 or -1 with errno. */
int root_console(int fd, int terminal);
/* Masks, and makes it the process's "/". */
enum step root_enter(const struct root *root, int fd, const char **out_subject);

#endif
