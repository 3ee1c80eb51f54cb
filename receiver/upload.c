/* SPDX-License-Identifier: MIT */
#include "receiver/upload.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "receiver/commit.h"
#include "receiver/export.h"
#include "receiver/libgit.h"
#include "receiver/listing.h"
#include "receiver/plan.h"
#include "receiver/quarantine.h"

/* "100644 ", an id, " ", a number, " ", a path */
#define LINE_MAX (PLAN_MAX_PATH + 80)

int upload_parse(const char *line, size_t len, enum entry_kind *out_kind, git_oid *out_oid,
		 uint64_t *out_size, const char **out_path, struct error *err)
{
	static const struct {
		const char *mode;
		enum entry_kind kind;
	} modes[] = {
		{"100644 ", ENTRY_FILE}, {"100755 ", ENTRY_PROGRAM}, {"120000 ", ENTRY_SYMLINK}};
	const size_t head = 7 + GITDIR_HEX + 1;
	unsigned long long size;
	char hex[GITDIR_HEX + 1];

	if (len > head && strlen(line) == len && line[head - 1] == ' ') {
		const char *end = strchr(line + head, ' ');
		_cleanup_free_ char *number =
			xstrndup(line + head, end ? (size_t)(end - line) - head : 0);
		memcpy(hex, line + 7, GITDIR_HEX);
		hex[GITDIR_HEX] = '\0';
		if (end && end[1] && gitdir_is_hex(hex) &&
		    str_to_u64(number, 0, 1ull << 50, &size) == 0)
			for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
				if (str_starts(line, modes[i].mode)) {
					*out_kind = modes[i].kind;
					*out_size = size;
					*out_path = end + 1;
					git_oid_fromstr(out_oid, hex);
					return 0;
				}
	}
	_cleanup_free_ char *shown = entry_printable(line);
	return error_set(err, ERROR_INVALID, 0, "the list of files has a malformed line: '%.80s'",
			 shown);
}

/* The client's bytes, read ahead in blocks. */
struct reader {
	int fd;
	size_t at, n;
	char block[65536];
};

/* At least one byte at BLOCK + AT, or an error. */
static int fill(struct reader *r, struct error *err)
{
	while (r->at == r->n) {
		ssize_t n = read(r->fd, r->block, sizeof(r->block));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, ERROR_SYSTEM, errno, "read the folder");
		if (n == 0)
			return error_set(err, ERROR_INVALID, 0, "the folder ends too early");
		r->at = 0;
		r->n = (size_t)n;
	}
	return 0;
}

/* What comes before the next NUL; longer than LINE_MAX is an error. */
static int read_line(struct reader *r, struct strbuf *out, struct error *err)
{
	strbuf_reset(out);
	for (;;) {
		if (fill(r, err) < 0)
			return -1;
		const char *start = r->block + r->at;
		const char *nul = memchr(start, '\0', r->n - r->at);
		size_t len = nul ? (size_t)(nul - start) : r->n - r->at;
		if (out->len + len > LINE_MAX)
			return error_set(err, ERROR_INVALID, 0,
					 "the list of files has a path of more than %d bytes",
					 PLAN_MAX_PATH);
		strbuf_add(out, start, len);
		r->at += len + (nul != NULL);
		if (nul)
			return 0;
	}
}

static int read_magic(struct reader *r, struct error *err)
{
	for (const char *p = UPLOAD_MAGIC; *p; p++, r->at++)
		if (fill(r, err) < 0 || r->block[r->at] != *p)
			return error_set(
				err, ERROR_USAGE, 0,
				"'up' is run in the folder that is to be deployed, by the "
				"program berth: 'berth up', or 'berth --remote HOST up APP'");
	return 0;
}

static int read_manifest(struct reader *r, struct listing *listing, struct error *err)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	enum entry_kind kind;
	const char *name;
	uint64_t size;
	git_oid oid;

	if (read_magic(r, err) < 0)
		return -1;
	for (;;) {
		_cleanup_free_ char *path = NULL;
		if (read_line(r, &line, err) < 0)
			return -1;
		if (line.len == 0)
			return 0;
		if (upload_parse(line.data, line.len, &kind, &oid, &size, &name, err) < 0 ||
		    listing_path(name, &path, err) < 0)
			return -1;
		if (!*path || (kind == ENTRY_SYMLINK && (size == 0 || size > PLAN_MAX_LINK)))
			return error_set(err, ERROR_INVALID, 0, "'%.200s' cannot be deployed",
					 path);
		if (listing_add(listing, TAKE_PTR(path), NULL, kind, &oid, size, err) < 0)
			return -1;
	}
}

/* Which files the repository lacks, as indexes. The caller frees *out. */
static int find_wanted(git_odb *odb, const struct listing *listing, size_t **out, size_t *out_n,
		       struct error *err)
{
	_cleanup_free_ size_t *wanted = xcalloc(listing->n + 1, sizeof(*wanted));
	size_t n = 0;

	for (size_t i = 0; i < listing->n; i++) {
		git_object_t type;
		size_t size;
		int code = git_odb_read_header(&size, &type, odb, &listing->items[i].oid);
		if (code == GIT_ENOTFOUND)
			wanted[n++] = i;
		else if (code)
			return repo_git_error(err, code, "look up a file");
		else if (type != GIT_OBJECT_BLOB || size != listing->items[i].size)
			return error_set(err, ERROR_INVALID, 0,
					 "'%.200s' has another size than its hash says",
					 listing->items[i].path);
	}
	*out = TAKE_PTR(wanted);
	*out_n = n;
	return 0;
}

static int answer_wanted(int out, const size_t *wanted, size_t n, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	strbuf_addf(&text, "want %zu\n", n);
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&text, "%zu\n", wanted[i]);
	return file_write_all(out, text.data, text.len, err);
}

static void free_stream(git_odb_stream **stream)
{
	git_odb_stream_free(*stream);
}

static int read_content(struct reader *r, git_odb *odb, const struct listing_item *item,
			struct error *err)
{
	_cleanup_(free_stream) git_odb_stream *stream = NULL;
	git_oid oid;
	int code =
		git_odb_open_wstream(&stream, odb, (git_object_size_t)item->size, GIT_OBJECT_BLOB);

	for (uint64_t left = item->size; !code && left;) {
		if (fill(r, err) < 0)
			return error_wrap(err, "'%.200s'", item->path);
		size_t len = r->n - r->at < left ? r->n - r->at : (size_t)left;
		code = git_odb_stream_write(stream, r->block + r->at, len);
		r->at += len;
		left -= len;
	}
	if (!code)
		code = git_odb_stream_finalize_write(&oid, stream);
	if (code)
		return repo_git_error(err, code, "write '%.200s'", item->path);
	if (!git_oid_equal(&oid, &item->oid))
		return error_set(err, ERROR_INVALID, 0,
				 "'%.200s' changed while it was sent: try again", item->path);
	return 0;
}

static int receive_tree(struct reader *r, git_repository *repo, struct listing *listing, int out,
			git_oid *tree, struct upload_stats *stats, struct error *err)
{
	_cleanup_(git_odb_freep) git_odb *odb = NULL;
	_cleanup_free_ size_t *wanted = NULL;
	size_t n = 0;
	int code = git_repository_odb(&odb, repo);

	if (code)
		return repo_git_error(err, code, "open the repository's objects");
	if (read_manifest(r, listing, err) < 0 || listing_check(listing, err) < 0 ||
	    find_wanted(odb, listing, &wanted, &n, err) < 0 ||
	    answer_wanted(out, wanted, n, err) < 0)
		return -1;
	stats->files = listing->n;
	for (size_t i = 0; i < n; i++) {
		const struct listing_item *item = &listing->items[wanted[i]];
		if (read_content(r, odb, item, err) < 0)
			return -1;
		stats->sent_files++;
		stats->sent_bytes += item->size;
	}
	return listing_write(listing, repo, tree, err);
}

int upload_receive(const struct instance *inst, const char *app, int in, int out,
		   const char *parent, const char *author, char out_commit[REPO_HEX_SIZE],
		   struct upload_stats *stats, struct error *err)
{
	_cleanup_quarantine_ struct quarantine quarantine = QUARANTINE_INIT;
	_cleanup_(git_repository_freep) git_repository *repo = NULL;
	_cleanup_listing_ struct listing listing = {.keep_top = true};
	_cleanup_free_ struct reader *r = xcalloc(1, sizeof(*r));
	char before[REPO_HEX_SIZE] = "", now[REPO_HEX_SIZE];
	git_oid tree, commit;

	r->fd = in;
	*stats = (struct upload_stats){0};
	if (listing_read_limits(inst, &listing, err) < 0 || repo_open(inst, app, &repo, err) < 0 ||
	    quarantine_begin(repo, &quarantine, err) < 0 ||
	    receive_tree(r, repo, &listing, out, &tree, stats, err) < 0 ||
	    (*parent && repo_commit_tree(inst, app, parent, before, err) < 0))
		return -1;
	git_oid_tostr(now, sizeof(now), &tree);
	if (strcmp(before, now) == 0) {
		memcpy(out_commit, parent, REPO_HEX_SIZE);
		return 0;
	}
	if (commit_write(repo, &tree, parent, author, "Deploy folder\n", &commit, err) < 0 ||
	    quarantine_keep(&quarantine, err) < 0)
		return -1;
	git_oid_tostr(out_commit, REPO_HEX_SIZE, &commit);
	return 0;
}
