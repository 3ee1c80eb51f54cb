/* SPDX-License-Identifier: MIT */
/*
 * Where a plugin's files come from: a folder (packed by tar) or a git repository (cloned bare, the
 * wanted commit packed by git archive). Both end in a tar stream, which plugins/unpack.h takes
 * without trust. No shell is involved, and no hook or checkout of the repository runs.
 */
#ifndef PLUGINS_FETCH_H
#define PLUGINS_FETCH_H

#include "base/child.h"
#include "base/error.h"

#define FETCH_GIT_TIMEOUT_MS 300000
#define FETCH_COMMIT_SIZE 65 /* hex digits of a commit id and a NUL */

/* Starts tar over the folder PATH, without .git, as whoever calls: the `berth` command does this
 * for `plugin:install FOLDER`, since berthd may not be able to read that folder. *out_fd gives the
 * archive; then child_wait(TAR). */
int fetch_folder(const char *path, struct child *tar, int *out_fd, struct error *err);

/* https://, ssh://, git://, file:// and HOST:PATH; anything else is refused with that list. */
int fetch_check_url(const char *url, struct error *err);
/* A branch, tag or commit: letters, digits and "._/-", no ".." and no leading "-". */
int fetch_check_committish(const char *s, struct error *err);

/* Clones URL into the new folder GIT_DIR (absolute), and resolves COMMITTISH (NULL: the remote's
 * HEAD) to a commit. The caller removes GIT_DIR, also after an error. */
int fetch_git_clone(const char *url, const char *committish, const char *git_dir,
		    char out_commit[FETCH_COMMIT_SIZE], struct error *err);
/* Starts git archive over COMMIT; *out_fd gives the archive; then child_wait(GIT). */
int fetch_git_archive(const char *git_dir, const char *commit, struct child *git, int *out_fd,
		      struct error *err);

#endif
