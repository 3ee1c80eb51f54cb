// SPDX-License-Identifier: MIT
#include "receiver/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <sys/stat.h>
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

#define BLOCK (64u << 10)
/* A file up to this is collected in memory, a longer one goes through a temporary of libgit2's. */
#define SMALL_FILE (1u << 20)
/* What a sender may still have to say after the end of a tar. */
#define MAX_TRAILING (16u << 20)
/* What may be read before the first entry is known. A zip's table of contents is read by then and
 * kept in memory, several times its size. */
#define MAX_START(files) ((1u << 20) + (files)*160)

/* ---- the bytes ---- */

struct input {
	int fd;
	char block[BLOCK];
	size_t head;        /* bytes in BLOCK that have been read ahead */
	uint64_t given;     /* to libarchive */
	uint64_t max_given; /* 0: no limit any more */
	bool is_seekable;
	int sys; /* errno of a read that failed */
};

/* Waits for a descriptor that does not block. */
static ssize_t read_some(int fd, void *data, size_t size)
{
	for (;;) {
		ssize_t n = read(fd, data, size);
		if (n >= 0)
			return n;
		if (errno == EAGAIN) {
			struct pollfd wait = {.fd = fd, .events = POLLIN};
			poll(&wait, 1, -1);
		} else if (errno != EINTR) {
			return -1;
		}
	}
}

static la_ssize_t give(struct archive *a, void *data, const void **out)
{
	struct input *in = data;
	ssize_t n = (ssize_t)in->head;

	in->head = 0;
	if (n == 0 && (n = read_some(in->fd, in->block, BLOCK)) < 0) {
		in->sys = errno;
		archive_set_error(a, errno, "it cannot be read");
		return ARCHIVE_FATAL;
	}
	in->given += (uint64_t)n;
	if (in->max_given && in->given > in->max_given) {
		archive_set_error(a, EFBIG, "its table of contents is too long");
		return ARCHIVE_FATAL;
	}
	*out = in->block;
	return n;
}

static la_int64_t seek(struct archive *a, void *data, la_int64_t offset, int whence)
{
	struct input *in = data;

	off_t at = lseek(in->fd, offset, whence);
	if (at < 0) {
		archive_set_error(a, errno, "it cannot be read from another place");
		return ARCHIVE_FATAL;
	}
	in->head = 0;
	return at;
}

/* Writes all that IN gives into a file without a name in FOLDER, and goes on with that. */
static int spool(struct input *in, int folder, uint64_t max, int *out_file, struct error *err)
{
	_cleanup_close_ int file = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	uint64_t total = in->head;

	if (file < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a temporary file");
	for (ssize_t n = (ssize_t)in->head; n; total += (uint64_t)n) {
		if (total > max)
			return error_set(err, ERROR_INVALID, 0,
					 "the archive is longer than %llu bytes (setting "
					 "git.archive-max-size)",
					 (unsigned long long)max);
		if (file_write_all(file, in->block, (size_t)n, err))
			return -1;
		n = read_some(in->fd, in->block, BLOCK);
		if (n < 0)
			return error_set(err, ERROR_SYSTEM, errno, "read the archive");
	}
	if (lseek(file, 0, SEEK_SET) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "read the archive");
	in->head = 0;
	in->fd = *out_file = TAKE_FD(file);
	in->is_seekable = true;
	return 0;
}

/* Prepares IN for FD. Modes and links of a zip are at its end, so one that comes through a pipe is
 * kept first, as it is, in *out_file. */
static int input_open(struct input *in, int fd, int folder, uint64_t max, int *out_file,
		      struct error *err)
{
	struct stat st;

	in->fd = fd;
	in->is_seekable = !fstat(fd, &st) && S_ISREG(st.st_mode) && lseek(fd, 0, SEEK_CUR) == 0;
	while (in->head < 4) {
		ssize_t n = read_some(fd, in->block + in->head, BLOCK - in->head);
		if (n < 0)
			return error_set(err, ERROR_SYSTEM, errno, "read the archive");
		if (n == 0)
			break;
		in->head += (size_t)n;
	}
	if (!in->head)
		return error_set(err, ERROR_INVALID, 0, "the archive is empty: nothing was sent");
	if (in->is_seekable || in->head < 2 || memcmp(in->block, "PK", 2))
		return 0;
	return spool(in, folder, max, out_file, err);
}

/* A sender that is cut off before its last padding would see a broken pipe. */
static void input_drain(struct input *in)
{
	size_t total = 0;
	ssize_t n;

	while (!in->is_seekable && total < MAX_TRAILING &&
	       (n = read_some(in->fd, in->block, BLOCK)) > 0)
		total += (size_t)n;
}

/* ---- one file's content, on its way to a blob ---- */

struct sink {
	git_repository *repo; /* NULL: the bytes are only counted */
	struct strbuf head;
	git_writestream *stream; /* once it is more than SMALL_FILE */
	uint64_t size;
};

static void sink_release(struct sink *sink)
{
	if (sink->stream)
		sink->stream->free(sink->stream);
	strbuf_release(&sink->head);
}

static int sink_add(struct sink *sink, const char *data, size_t len, struct error *err)
{
	int code = 0;

	sink->size += len;
	if (!sink->repo)
		return 0;
	if (!sink->stream && sink->head.len + len <= SMALL_FILE) {
		strbuf_add(&sink->head, data, len);
		return 0;
	}
	if (!sink->stream) {
		code = git_blob_create_from_stream(&sink->stream, sink->repo, NULL);
		if (!code)
			code = sink->stream->write(sink->stream, sink->head.data, sink->head.len);
	}
	if (!code)
		code = sink->stream->write(sink->stream, data, len);
	return code ? repo_git_error(err, code, "write a file of the archive") : 0;
}

/* A hole of a sparse file. */
static int sink_zeros(struct sink *sink, uint64_t n, struct error *err)
{
	static const char zeros[BLOCK];

	for (; n; n -= n < BLOCK ? n : BLOCK)
		if (sink_add(sink, zeros, n < BLOCK ? (size_t)n : BLOCK, err))
			return -1;
	return 0;
}

static int sink_finish(struct sink *sink, git_oid *out, struct error *err)
{
	int code;

	if (sink->stream) {
		code = git_blob_create_from_stream_commit(out, sink->stream);
		sink->stream = NULL;
	} else {
		code = git_blob_create_from_buffer(out, sink->repo, sink->head.data,
						   sink->head.len);
	}
	return code ? repo_git_error(err, code, "write a file of the archive") : 0;
}

/* ---- entries ---- */

struct reader {
	struct archive *archive;
	git_repository *repo;
	struct listing listing;
	uint64_t ignored; /* bytes that belong to nothing that is kept */
};

static void free_archive(struct archive **archive)
{
	archive_read_free(*archive);
}

static int refuse(const char *name, const char *why, struct error *err)
{
	_cleanup_free_ char *shown = entry_printable(name);
	_cleanup_free_ char *reason = entry_printable(why ? why : "it is damaged");

	return error_set(err, ERROR_INVALID, 0, "the archive has '%s': %s", shown, reason);
}

static int refuse_size(struct reader *r, struct error *err)
{
	r->listing.bytes = UINT64_MAX;
	return listing_check(&r->listing, err);
}

/* Every byte passes here, also of what is not kept: libarchive would skip it without a limit. */
static int copy_data(struct reader *r, struct archive_entry *entry, const char *name,
		     struct sink *sink, struct error *err)
{
	uint64_t room = r->listing.max_bytes - r->listing.bytes;
	bool is_tar = archive_format(r->archive) != ARCHIVE_FORMAT_ZIP;
	bool has_size = archive_entry_size_is_set(entry);
	uint64_t size = has_size ? (uint64_t)archive_entry_size(entry) : 0;
	const void *block;
	size_t len;
	la_int64_t offset;
	int code;

	if (room < r->ignored || size > (room -= r->ignored))
		return refuse_size(r, err);
	while ((code = archive_read_data_block(r->archive, &block, &len, &offset)) == ARCHIVE_OK) {
		if (offset < 0 || (uint64_t)offset < sink->size)
			return refuse(name, "its parts overlap", err);
		if ((uint64_t)offset > room || len > room - (uint64_t)offset)
			return refuse_size(r, err);
		if (sink_zeros(sink, (uint64_t)offset - sink->size, err) ||
		    sink_add(sink, block, len, err))
			return -1;
	}
	if (code != ARCHIVE_EOF)
		return refuse(name, archive_error_string(r->archive), err);
	if (has_size && sink->repo) {
		/* a sparse file of a tar may end with a hole */
		if (is_tar && sink->size < size && sink_zeros(sink, size - sink->size, err))
			return -1;
		if (sink->size != size)
			return refuse(name, "its size is not what it says", err);
	}
	return 0;
}

static int ignore_data(struct reader *r, struct archive_entry *entry, const char *name,
		       struct error *err)
{
	struct sink sink = {.head = STRBUF_INIT};

	if (copy_data(r, entry, name, &sink, err))
		return -1;
	r->ignored += sink.size;
	return 0;
}

static int add_file(struct reader *r, struct archive_entry *entry, char **path, struct error *err)
{
	_cleanup_(sink_release) struct sink sink = {.repo = r->repo, .head = STRBUF_INIT};
	enum entry_kind kind = archive_entry_perm(entry) & S_IXUSR ? ENTRY_PROGRAM : ENTRY_FILE;
	git_oid oid;

	if (copy_data(r, entry, *path, &sink, err) || sink_finish(&sink, &oid, err))
		return -1;
	return listing_add(&r->listing, TAKE_PTR(*path), NULL, kind, &oid, sink.size, err);
}

static int add_symlink(struct reader *r, struct archive_entry *entry, char **path,
		       struct error *err)
{
	const char *target = archive_entry_symlink(entry);
	git_oid oid;

	size_t len = target ? strlen(target) : 0;
	if (!len || len > PLAN_MAX_LINK)
		return refuse(*path, "it is no valid symbolic link", err);
	if (ignore_data(r, entry, *path, err))
		return -1;
	int code = git_blob_create_from_buffer(&oid, r->repo, target, len);
	if (code)
		return repo_git_error(err, code, "write a link of the archive");
	return listing_add(&r->listing, TAKE_PTR(*path), NULL, ENTRY_SYMLINK, &oid, len, err);
}

static int add_hard_link(struct reader *r, struct archive_entry *entry, char **path,
			 struct error *err)
{
	_cleanup_free_ char *target = NULL;

	if (listing_path(archive_entry_hardlink(entry), &target, err) ||
	    ignore_data(r, entry, *path, err))
		return -1;
	return listing_add(&r->listing, TAKE_PTR(*path), TAKE_PTR(target), ENTRY_FILE, NULL, 0,
			   err);
}

static int add_folder(struct reader *r, struct archive_entry *entry, char **path, struct error *err)
{
	if (ignore_data(r, entry, *path, err))
		return -1;
	if (!**path) /* "./" */
		return 0;
	return listing_add(&r->listing, TAKE_PTR(*path), NULL, ENTRY_FOLDER, NULL, 0, err);
}

/* Other ways of packing within a zip may ask for any amount of memory. */
static int check_packing(struct reader *r, const char *path, struct error *err)
{
	const char *format = archive_format_name(r->archive);

	if (archive_format(r->archive) == ARCHIVE_FORMAT_ZIP && !strstr(format, "(uncompressed)") &&
	    !strstr(format, "(deflation)"))
		return refuse(path, "only stored and deflated files of a zip can be read", err);
	return 0;
}

static int add_entry(struct reader *r, struct archive_entry *entry, struct error *err)
{
	const char *name = archive_entry_pathname(entry);
	_cleanup_free_ char *path = NULL;

	if (!name || !*name)
		return error_set(err, ERROR_INVALID, 0,
				 "the archive has an entry without a readable name");
	if (listing_path(name, &path, err))
		return -1;
	if (archive_entry_is_encrypted(entry))
		return refuse(name, "it is encrypted", err);
	if (check_packing(r, name, err))
		return -1;
	unsigned type = archive_entry_filetype(entry);
	if (!*path && type != AE_IFDIR)
		return refuse(name, "it is no folder", err);
	if (archive_entry_hardlink(entry))
		return add_hard_link(r, entry, &path, err);
	switch (type) {
	case AE_IFREG:
		return add_file(r, entry, &path, err);
	case AE_IFLNK:
		return add_symlink(r, entry, &path, err);
	case AE_IFDIR:
		return add_folder(r, entry, &path, err);
	case AE_IFCHR:
	case AE_IFBLK:
		return refuse(name, "it is a device", err);
	case AE_IFIFO:
		return refuse(name, "it is a named pipe", err);
	case AE_IFSOCK:
		return refuse(name, "it is a socket", err);
	default:
		return refuse(name, "it is neither file, folder nor link", err);
	}
}

/* ---- the archive ---- */

static int bad_archive(struct archive *archive, const struct input *in, struct error *err)
{
	const char *why = archive_error_string(archive);
	_cleanup_free_ char *shown = entry_printable(why ? why : "it is damaged");

	if (in->sys)
		return error_set(err, ERROR_SYSTEM, in->sys, "read the archive");
	return error_set(err, ERROR_INVALID, 0,
			 "this is no tar (plain, gzip, xz, zstd) or zip that can be read: %s",
			 shown);
}

static int start(struct reader *r, struct input *in, struct error *err)
{
	struct archive *a = r->archive;

	/* not ARCHIVE_WARN either: it would run a program to unpack */
	if (archive_read_support_filter_gzip(a) != ARCHIVE_OK ||
	    archive_read_support_filter_xz(a) != ARCHIVE_OK ||
	    archive_read_support_filter_zstd(a) != ARCHIVE_OK ||
	    archive_read_support_format_tar(a) != ARCHIVE_OK ||
	    (in->is_seekable && archive_read_support_format_zip_seekable(a) != ARCHIVE_OK))
		return error_set(err, ERROR_UNSUPPORTED, 0,
				 "this libarchive cannot read archives: %s",
				 archive_error_string(a));
	in->max_given = MAX_START(r->listing.max_files);
	archive_read_set_read_callback(a, give);
	if (in->is_seekable)
		archive_read_set_seek_callback(a, seek);
	archive_read_set_callback_data(a, in);
	return archive_read_open1(a) == ARCHIVE_OK ? 0 : bad_archive(a, in, err);
}

static int read_entries(struct reader *r, struct input *in, struct error *err)
{
	struct archive_entry *entry;

	if (start(r, in, err))
		return -1;
	for (;;) {
		int code = archive_read_next_header(r->archive, &entry);
		in->max_given = 0;
		if (code == ARCHIVE_EOF)
			return 0;
		/* a warning is about times and attributes, or a name that is checked as it is */
		if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
			return bad_archive(r->archive, in, err);
		if (add_entry(r, entry, err))
			return -1;
	}
}

/* libarchive gives names in the locale's encoding: with this one they keep their bytes. */
static int read_in_utf8(struct reader *r, struct input *in, struct error *err)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);

	if (!utf8)
		return error_set(err, ERROR_SYSTEM, errno, "use the locale C.UTF-8");
	locale_t before = uselocale(utf8);
	int ret = read_entries(r, in, err);
	uselocale(before);
	freelocale(utf8);
	return ret;
}

/* ---- the commit ---- */

static int read_tree(git_repository *repo, const struct instance *inst, int fd, int folder,
		     git_oid *out, struct error *err)
{
	_cleanup_listing_ struct listing listing = {0};
	_cleanup_close_ int file = -1;
	_cleanup_free_ struct input *in = xcalloc(1, sizeof(*in));

	if (listing_read_limits(inst, &listing, err) ||
	    input_open(in, fd, folder, listing.max_bytes, &file, err))
		return -1;
	_cleanup_(free_archive) struct archive *archive = archive_read_new();
	struct reader r = {.archive = archive, .repo = repo, .listing = listing};
	if (!archive)
		return error_set(err, ERROR_FAILED, 0, "no memory to read the archive");
	int ret = read_in_utf8(&r, in, err);
	listing = r.listing;
	if (ret)
		return -1;
	input_drain(in);
	return listing_write(&listing, repo, out, err);
}

int archive_commit(const struct instance *inst, const char *app, int fd, const char *parent,
		   const char *author, char out_commit[REPO_HEX_SIZE], struct error *err)
{
	_cleanup_quarantine_ struct quarantine quarantine = QUARANTINE_INIT;
	_cleanup_(git_repository_freep) git_repository *repo = NULL;
	git_oid tree, commit;

	if (repo_open(inst, app, &repo, err) || quarantine_begin(repo, &quarantine, err) ||
	    read_tree(repo, inst, fd, quarantine.folder, &tree, err) ||
	    commit_write(repo, &tree, parent, author, "Deploy archive\n", &commit, err) ||
	    quarantine_keep(&quarantine, err))
		return -1;
	git_oid_tostr(out_commit, REPO_HEX_SIZE, &commit);
	return 0;
}
