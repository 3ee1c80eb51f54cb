/* SPDX-License-Identifier: MIT */
/*
 * A folder that `berth up` sends: first a manifest of all its files, then the content of those that
 * the app's repository lacks. So what goes over the wire follows the change, as with a push, but
 * nobody needs a commit.
 *
 *   client: "berth-up 1\n", for each file "MODE HASH SIZE PATH" and a NUL, then one more NUL
 *           (MODE 100644, 100755 or 120000; HASH: git's id of the blob, 40 hex digits)
 *   server: "want N\n" and N lines, each the number of a file, from 0, rising
 *   client: the content of these, SIZE bytes each, with nothing between
 *
 * Every byte is hostile: names pass the same checks as an archive's, sizes the same limits, and a
 * content that is not what its hash says is refused. What is refused leaves nothing behind.
 */
#ifndef RECEIVER_UPLOAD_H
#define RECEIVER_UPLOAD_H

#include <stddef.h>
#include <stdint.h>

#include <git2/oid.h>

#include "base/error.h"
#include "instance/instance.h"
#include "receiver/entry.h"
#include "receiver/repo.h"

#define UPLOAD_MAGIC "berth-up 1\n"

struct upload_stats {
	uint64_t files, sent_files, sent_bytes;
};

/* One line of the manifest: LINE ends in a NUL at LINE[len]. *out_path is a part of LINE. */
int upload_parse(const char *line, size_t len, enum entry_kind *out_kind, git_oid *out_oid,
		 uint64_t *out_size, const char **out_path, struct error *err);

/* Talks to the client on IN and OUT and writes a commit on PARENT ("" for none) in AUTHOR's name;
 * when the files are those of PARENT, that is the commit. The branch is not moved. */
int upload_receive(const struct instance *inst, const char *app, int in, int out,
		   const char *parent, const char *author, char out_commit[REPO_HEX_SIZE],
		   struct upload_stats *stats, struct error *err);

#endif
