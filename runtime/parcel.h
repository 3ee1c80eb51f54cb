/* SPDX-License-Identifier: MIT */
/*
 * The files that a container image travels as: an archive (docker save, an OCI archive) that came
 * through a descriptor, or a folder in the OCI image layout that skopeo wrote. An archive is kept
 * in a file without a name, unless it is a file already that holds an image's plain tar: that may
 * change at any moment, but each layer is hashed as it is read (runtime/intake.h). Names in it are
 * a tenant's: they are compared, never opened; what would lead out of the archive is refused by
 * name.
 *
 * Runs as user berth. One file of a parcel is open at a time.
 */
#ifndef RUNTIME_PARCEL_H
#define RUNTIME_PARCEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "instance/instance.h"

#define PARCEL_MAX_BYTES (32ull << 30)
#define PARCEL_MAX_FILES 8192u

struct archive;

enum parcel_kind {
	PARCEL_OCI = 1, /* oci-layout and index.json */
	PARCEL_DOCKER,  /* manifest.json */
	PARCEL_ROOT,    /* neither: perhaps the tar of a root file system */
};

struct parcel_member {
	char *name;
	char *link; /* the member that it stands for, or NULL */
};

struct parcel {
	enum parcel_kind kind;
	int archive, folder; /* one of them is -1 */
	uint64_t bytes;      /* of the archive when it is not packed */
	struct parcel_member *members;
	size_t n;
};

#define PARCEL_INIT                                                                                \
	{                                                                                          \
		.archive = -1, .folder = -1                                                        \
	}

void parcel_release(struct parcel *b);
#define _cleanup_parcel_ _cleanup_(parcel_release)

/* Keeps all that FD gives (plain, or packed with gzip, bzip2, xz or zstd), where it has to, and
 * lists it. */
int parcel_receive(const struct instance *inst, int fd, struct parcel *b, struct error *err);
/* The image layout in the folder PATH. */
int parcel_open_folder(const char *path, struct parcel *b, struct error *err);

/* A file of B that is being read. */
struct parcel_file {
	struct archive *archive;
	int fd;
};

#define PARCEL_FILE_INIT                                                                           \
	{                                                                                          \
		NULL, -1                                                                           \
	}

/* ERROR_NOT_FOUND names a file that is missing. */
int parcel_open(const struct parcel *b, const char *name, struct parcel_file *out,
		struct error *err);
/* 0 at the end, -1 on failure. */
ssize_t parcel_read(struct parcel_file *f, void *data, size_t size, struct error *err);
void parcel_close(struct parcel_file *f);
#define _cleanup_parcel_file_ _cleanup_(parcel_close)

/* Appends the whole of NAME, of at most MAX bytes. */
int parcel_load(const struct parcel *b, const char *name, size_t max, struct strbuf *out,
		struct error *err);

/* The path that LINK in the folder of NAME stands for, without "." and ".."; NULL when it leads
 * out. With LINK NULL, NAME itself. The caller frees it. */
char *parcel_resolve(const char *name, const char *link);

#endif
