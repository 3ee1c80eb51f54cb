/* SPDX-License-Identifier: MIT */
/*
 * Files from elsewhere: a folder (packed by tar), a git repository (fetched bare, the wanted commit
 * packed by git archive) or an archive at a URL (curl). All end in a stream that base/untar.h takes
 * without trust. No shell is involved, and no hook or checkout of a repository runs.
 */
#ifndef BASE_FETCH_H
#define BASE_FETCH_H

#include "base/child.h"
#include "base/error.h"
#include "base/remote.h"

/* Starts tar over the folder PATH, without .git, as whoever calls: the `berth` command does this
 * for `plugin:install FOLDER`, since berthd may not be able to read that folder. *out_fd gives the
 * archive; then child_wait(TAR). */
int fetch_folder(const char *path, struct child *tar, int *out_fd, struct error *err);

/* Reads what is left on FD and waits for its writer FEEDER: anything but a good end is an error,
 * since files could be missing. */
int fetch_finish(struct child *feeder, int fd, struct error *err);

/* No file that git writes may be larger. */
#define FETCH_GIT_MAX_BYTES (256ull << 20)

/* Fetches COMMITTISH (NULL: the remote's HEAD) of URL into the new bare repository GIT_DIR
 * (absolute; base/remote.h, file:/// allowed) and says which commit it is; only that commit, unless
 * COMMITTISH may be a commit's id. ERROR_NOT_FOUND: URL has none such. The caller removes GIT_DIR,
 * also after an error. */
int fetch_git_clone(const char *url, const char *committish, const char *git_dir,
		    char out_commit[REMOTE_COMMIT_SIZE], struct error *err);
/* The caps of an archive: bytes as they come over the network, and time. */
#define FETCH_URL_MAX_BYTES "134217728"
#define FETCH_URL_TIMEOUT_MS 300000
/* http:// or https://, printable, no credentials inside that a log would show. */
int fetch_check_web_url(const char *url, struct error *err);
/* Starts curl over URL, redirects included but only to http and https; *out_fd gives the body; then
 * child_wait(CURL), which says what went wrong. */
int fetch_url(const char *url, struct child *curl, int *out_fd, struct error *err);

/* Starts git archive over COMMIT; *out_fd gives the archive; then child_wait(GIT). */
int fetch_git_archive(const char *git_dir, const char *commit, struct child *git, int *out_fd,
		      struct error *err);

#endif
