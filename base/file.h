/* SPDX-License-Identifier: MIT */
/*
 * Files and folders: reading whole ones with a limit, replacing them so that a power cut leaves
 * the old or the new one, and making and removing trees. Paths that come from a tenant are never
 * passed here: use file_open_beneath.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"

/* Appends the whole of PATH to OUT; a file of more than MAX bytes fails with ERROR_INVALID, a
 * missing one with ERROR_NOT_FOUND. DIRFD may be AT_FDCWD. */
int file_read(int dirfd, const char *path, size_t max, struct strbuf *out, struct error *err);

/* Writes a temporary beside PATH, fsyncs it, renames it over PATH and fsyncs the folder
 * (rename(2), fsync(2)). A reader sees the old or the new content. */
int file_replace(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
		 struct error *err);
/* The same for what is made anew after a boot anyway: readers see the old or the new content, and
 * nobody waits for the disk. */
int file_publish(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
		 struct error *err);

#define FILE_TEMPORARY_S 600
/* Appends the names of the files in DIRFD that one of these two left when it was killed: of those
 * that have their temporary names, the ones that nobody wrote to for FILE_TEMPORARY_S. */
int file_find_temporary(int dirfd, struct strvec *out, struct error *err);

/* A and B are of one file, and nobody wrote to it in between. */
bool file_is_same(const struct stat *a, const struct stat *b);

/* All of DATA, through short writes and EINTR. */
int file_write_all(int fd, const void *data, size_t len, struct error *err);

/* openat2(2) with RESOLVE_*, FLAGS with O_CLOEXEC; -1 with errno. The kernel gives EAGAIN when
 * anything on the machine was renamed or mounted during a walk through "..": that is tried again.
 */
int file_resolve(int dirfd, const char *path, uint64_t flags, mode_t mode, uint64_t resolve);

/* Opens PATH below DIRFD; no component may leave it, through "..", an absolute path, a link or a
 * mount's magic link (openat2(2): RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS, and
 * RESOLVE_NO_SYMLINKS when NO_LINKS). Gives a descriptor (O_CLOEXEC) or -1. */
int file_open_beneath(int dirfd, const char *path, int flags, mode_t mode, bool no_links,
		      struct error *err);

/* Makes PATH and its missing parents (MODE for each made one). */
int file_make_dirs(const char *path, mode_t mode, struct error *err);

/* Removes NAME below DIRFD and all that is in it, following no link and crossing no mount. A
 * missing one is no error. */
int file_remove_tree(int dirfd, const char *name, struct error *err);

bool file_exists(int dirfd, const char *path);

/* An advisory lock (flock(2)) on PATH, made when missing. Gives the descriptor that holds it until
 * it is closed. With WAIT false, a lock that is held fails with ERROR_BUSY. */
int file_lock(const char *path, bool wait, int *out_fd, struct error *err);

/* Copies from IN to OUT until the end, at most MAX bytes (ERROR_INVALID past it). */
int file_copy(int in, int out, uint64_t max, struct error *err);

/* The folder two above the running binary: build/ in a checkout, /usr/local when installed. The
 * caller frees it. */
char *file_prefix(void);

#endif
