/* SPDX-License-Identifier: MIT */
#include "runtime/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attribute.h"
#include "base/cleanup.h"
#include "base/strbuf.h"
#include "runtime/implied.h"
#include "runtime/import.h"
#include "runtime/whiteout.h"

#define MAX_ID 65535
#define BLOCK (256u << 10)
#define TAR_BLOCK 512
/* What a feeder may still have to say after the end of the archive. */
#define MAX_TRAILING (16u << 20)

static void free_reader(struct archive **a)
{
	archive_read_free(*a);
}

static void free_writer(struct archive **a)
{
	archive_write_free(*a);
}

/* NAME for a message: one line, bounded. */
static char *visible(const char *name)
{
	struct strbuf sb = STRBUF_INIT;
	strbuf_cap(&sb, 200);
	for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			strbuf_addf(&sb, "\\x%02x", *p);
		else
			strbuf_addch(&sb, (char)*p);
	}
	return strbuf_detach(&sb);
}

static int refuse(struct error *err, const char *name, const char *why)
{
	_cleanup_free_ char *text = visible(name);
	return error_set(err, ERROR_INVALID, 0, "archive entry '%s': %s", text, why);
}

static bool has_dotdot(const char *path)
{
	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");
		if (n == 2 && p[0] == '.' && p[1] == '.')
			return true;
		p += n;
		p += strspn(p, "/");
	}
	return false;
}

static int check_path(const char *name, const char *path, struct error *err)
{
	if (!*path)
		return refuse(err, name, "has an empty path");
	if (*path == '/')
		return refuse(err, name, "is an absolute path");
	if (has_dotdot(path))
		return refuse(err, name, "has '..' in its path");
	if (strlen(path) >= PATH_MAX)
		return refuse(err, name, "has a path of more than 4095 bytes");
	return 0;
}

/* PATH without empty and "." components; "" for the root itself. */
static char *normalize(const char *path)
{
	struct strbuf sb = STRBUF_INIT;
	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");
		if (n > 0 && !(n == 1 && *p == '.')) {
			strbuf_addstr(&sb, sb.len ? "/" : "");
			strbuf_add(&sb, p, n);
		}
		p += n + (p[n] == '/');
	}
	return strbuf_detach(&sb);
}

/* Whether the relative TARGET of a link at PATH climbs out of the root. An absolute one means the
 * container's own root. */
static bool climbs_out(const char *path, const char *target)
{
	long depth = 0;
	if (*target == '/')
		return false;
	for (const char *p = path; *p; p++)
		depth += *p == '/';
	for (const char *p = target; *p;) {
		size_t n = strcspn(p, "/");
		if (n == 2 && p[0] == '.' && p[1] == '.')
			depth--;
		else if (n > 0 && !(n == 1 && *p == '.'))
			depth++;
		if (depth < 0)
			return true;
		p += n + (p[n] == '/');
	}
	return false;
}

static int check_entry(struct archive_entry *entry, const char **out_name, struct error *err)
{
	const char *name = archive_entry_pathname(entry);
	if (!name)
		return error_set(err, ERROR_INVALID, 0, "archive: an entry has no readable name");
	/* the root itself, as umoci writes it */
	if (strcmp(name, "/") == 0) {
		archive_entry_set_pathname(entry, ".");
		name = archive_entry_pathname(entry);
	}
	*out_name = name;
	if (check_path(name, name, err) < 0)
		return -1;
	const char *hardlink = archive_entry_hardlink(entry);
	if (hardlink && check_path(name, hardlink, err) < 0)
		return error_wrap(err, "hard link");
	if (archive_entry_uid(entry) < 0 || archive_entry_uid(entry) > MAX_ID ||
	    archive_entry_gid(entry) < 0 || archive_entry_gid(entry) > MAX_ID)
		return refuse(err, name, "its owner is not from 0 to 65535");
	return 0;
}

/* Devices never; a pipe where somebody's files come back as they were. */
static bool is_wanted(struct archive_entry *entry, bool layer)
{
	if (archive_entry_hardlink(entry))
		return true;
	switch (archive_entry_filetype(entry)) {
	case AE_IFREG:
	case AE_IFDIR:
	case AE_IFLNK:
		return true;
	case AE_IFIFO:
		return !layer;
	default:
		return false;
	}
}

static void filter_xattrs(struct archive_entry *entry)
{
	struct kept {
		char *name;
		void *value;
		size_t size;
	} kept[32];
	size_t n = 0;
	const char *name;
	const void *value;
	size_t size;
	archive_entry_xattr_reset(entry);
	while (n < ARRAY_SIZE(kept) &&
	       archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
		if (!attribute_is_kept(name))
			continue;
		kept[n] = (struct kept){xstrdup(name), xmalloc(size ? size : 1), size};
		memcpy(kept[n++].value, value, size);
	}
	archive_entry_xattr_clear(entry);
	for (size_t i = 0; i < n; i++) {
		archive_entry_xattr_add_entry(entry, kept[i].name, kept[i].value, kept[i].size);
		free(kept[i].name);
		free(kept[i].value);
	}
}

struct totals {
	uint64_t entries, bytes;
};

/* What a layer's archive means for the layers below. */
struct changes {
	struct whiteouts whiteouts;
	struct implied implied;
};

static void changes_release(struct changes *c)
{
	whiteouts_release(&c->whiteouts);
	implied_release(&c->implied);
}

static bool is_folder(struct archive_entry *entry)
{
	return !archive_entry_hardlink(entry) && archive_entry_filetype(entry) == AE_IFDIR;
}

/* Whether a layer's entry goes into the tree: 1 or 0; -1 when it cannot be meant. */
static int judge_place(struct archive_entry *entry, const char *name, const char *plain,
		       struct error *err)
{
	static const char *const places[] = {"proc", "sys", "dev"};
	bool folder = is_folder(entry);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const char *rest = str_skip(plain, places[i]);
		if (!rest || (*rest && *rest != '/'))
			continue;
		if (!*rest && !folder)
			return refuse(err, name, "must be a folder: every container gets its own");
		if (!*rest || folder)
			return !*rest;
		if (strcmp(places[i], "dev") != 0 ||
		    (archive_entry_filetype(entry) == AE_IFREG && archive_entry_size(entry) > 0))
			return refuse(err, name,
				      "lies in a folder that the container's own /proc, /sys or "
				      "/dev covers");
		return 0;
	}
	return 1;
}

/* The same for one that may be a whiteout. */
static int judge(struct archive_entry *entry, const char *name, struct changes *c,
		 struct error *err)
{
	_cleanup_free_ char *plain = normalize(name);
	const char *target = archive_entry_hardlink(entry) ? NULL : archive_entry_symlink(entry);
	int place = judge_place(entry, name, plain, err);
	if (place <= 0)
		return place;
	if (target && climbs_out(plain, target))
		return refuse(err, name, "is a link out of the root");
	bool folder = is_folder(entry);
	if (implied_note(&c->implied, plain, folder, err) < 0)
		return -1;
	int taken = whiteouts_take(&c->whiteouts, plain, err);
	if (taken < 0) {
		struct error why = *err;
		return refuse(err, name, why.message);
	}
	return !taken;
}

static int copy_data(struct archive *in, struct archive *out, const char *name, struct totals *t,
		     struct error *err)
{
	const void *block;
	size_t size;
	la_int64_t offset;
	for (;;) {
		int r = archive_read_data_block(in, &block, &size, &offset);
		if (r == ARCHIVE_EOF)
			return 0;
		if (r != ARCHIVE_OK)
			return refuse(err, name, archive_error_string(in));
		t->bytes += size;
		if (t->bytes > IMPORT_MAX_BYTES)
			return refuse(err, name, "the archive unpacks to more than 16 GiB");
		if (archive_write_data_block(out, block, size, offset) < ARCHIVE_OK)
			return refuse(err, name, archive_error_string(out));
	}
}

/* Folders that the archive does not name are whose the entry is, or he could not use his own: the
 * rest would be the container's root's. (A layer's are as in the layers below: implied.h.) */
static int make_parents(struct archive_entry *entry, const char *name, struct error *err)
{
	_cleanup_free_ char *path = normalize(name);
	char *last = strrchr(path, '/');
	struct stat st;

	if (!last)
		return 0;
	*last = '\0';
	if (lstat(path, &st) == 0)
		return 0;
	*last = '/';
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		bool made = mkdir(path, 0755) == 0;
		if ((!made && errno != EEXIST) ||
		    (made && lchown(path, (uid_t)archive_entry_uid(entry),
				    (gid_t)archive_entry_gid(entry)) < 0))
			return refuse(err, name, strerror(errno));
		*slash = '/';
	}
	return 0;
}

static int unpack_entry(struct archive *in, struct archive *out, struct archive_entry *entry,
			struct totals *t, struct changes *c, struct error *err)
{
	const char *name = "";
	int wanted = 1;
	if (check_entry(entry, &name, err) < 0)
		return -1;
	if (++t->entries > IMPORT_MAX_ENTRIES)
		return refuse(err, name, "the archive has more than 1000000 entries");
	if (c && (wanted = judge(entry, name, c, err)) < 0)
		return -1;
	if (archive_entry_size(entry) < 0 ||
	    (uint64_t)archive_entry_size(entry) > IMPORT_MAX_BYTES - t->bytes)
		return refuse(err, name, "the archive unpacks to more than 16 GiB");
	if (!wanted || !is_wanted(entry, c != NULL)) {
		/* what is passed over has to be unpacked all the same */
		t->bytes += (uint64_t)archive_entry_size(entry);
		return 0;
	}
	if (!c && make_parents(entry, name, err) < 0)
		return -1;
	filter_xattrs(entry);
	if (archive_write_header(out, entry) != ARCHIVE_OK)
		return refuse(err, name, archive_error_string(out));
	if (archive_entry_size(entry) > 0 && copy_data(in, out, name, t, err) < 0)
		return -1;
	if (archive_write_finish_entry(out) != ARCHIVE_OK)
		return refuse(err, name, archive_error_string(out));
	return 0;
}

/* An archive ends with an empty block. libarchive takes one that just stops where a header would be
 * for whole, which a copy of a full disk or a killed tar is as often as not. */
static bool has_end(struct archive *in)
{
	return archive_filter_bytes(in, 0) - archive_read_header_position(in) >= TAR_BLOCK;
}

static void drain(int fd)
{
	char rest[65536];
	size_t total = 0;
	ssize_t n;
	while (total < MAX_TRAILING && (n = read(fd, rest, sizeof(rest))) > 0)
		total += (size_t)n;
}

static int say_all(const struct strvec *folders, enum unpack_says what,
		   int (*say)(const char *what, struct error *err), struct error *err)
{
	for (size_t i = 0; i < folders->n; i++) {
		_cleanup_free_ char *text = xasprintf("%c%s", what, folders->v[i]);
		if (say(text, err) < 0)
			return -1;
	}
	return 0;
}

/* What libarchive has to say; of some cut archives that is nothing. */
static const char *why_not(struct archive *a)
{
	const char *why = archive_error_string(a);
	return why ? why : "it is cut short";
}

/* A warning is a failure, since what is half understood is not unpacked; but for names that are not
 * UTF-8, which are bytes here as they are for Linux, and are kept. */
static bool is_only_charset(struct archive *in, int result)
{
	return result == ARCHIVE_WARN && strstr(why_not(in), "can't be converted from UTF-8");
}

static int finish(struct changes *c, int (*say)(const char *what, struct error *err),
		  struct error *err)
{
	_cleanup_strvec_ struct strvec implied = STRVEC_INIT;
	_cleanup_close_ int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open the layer");
	if (whiteouts_apply(&c->whiteouts, root, err) < 0)
		return -1;
	implied_list(&c->implied, &implied);
	if (say_all(&c->whiteouts.hiding, UNPACK_OPAQUE, say, err) < 0)
		return -1;
	return say_all(&implied, UNPACK_IMPLIED, say, err);
}

int unpack_tar(int fd, enum unpack_kind kind, int (*say)(const char *what, struct error *err),
	       struct error *err)
{
	_cleanup_(changes_release) struct changes changes = {WHITEOUTS_INIT, {0}};
	bool layer = kind == UNPACK_LAYER;
	_cleanup_(free_reader) struct archive *in = archive_read_new();
	_cleanup_(free_writer) struct archive *out = archive_write_disk_new();
	struct totals totals = {0, 0};
	if (!in || !out)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "open the archive");
	archive_read_support_filter_gzip(in);
	archive_read_support_filter_xz(in);
	archive_read_support_filter_zstd(in);
	archive_read_support_format_tar(in);
	archive_read_support_format_empty(in);
	/* neither flags (immutable) nor ACLs nor names of users, which would load modules */
	archive_write_disk_set_options(out, ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM |
						    ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_XATTR |
						    ARCHIVE_EXTRACT_SECURE_SYMLINKS |
						    ARCHIVE_EXTRACT_SECURE_NODOTDOT |
						    ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS |
						    (layer ? ARCHIVE_EXTRACT_SPARSE : 0));
	if (archive_read_open_fd(in, fd, BLOCK) != ARCHIVE_OK)
		return error_set(err, ERROR_INVALID, 0, "read the archive: %s", why_not(in));
	for (;;) {
		struct archive_entry *entry;
		int r = archive_read_next_header(in, &entry);
		if (r == ARCHIVE_EOF)
			break;
		if (r != ARCHIVE_OK && !is_only_charset(in, r))
			return error_set(err, ERROR_INVALID, 0, "read the archive: %s",
					 why_not(in));
		if (unpack_entry(in, out, entry, &totals, layer ? &changes : NULL, err) < 0)
			return -1;
	}
	/* a layer is as whole as its digest says */
	if (!layer && totals.entries > 0 && !has_end(in))
		return error_set(err, ERROR_INVALID, 0, "the archive is cut short: it has no end");
	/* a layer may change nothing, as that of an empty COPY */
	if (totals.entries == 0 && !layer)
		return error_set(err, ERROR_INVALID, 0, "the archive is empty");
	if (archive_write_close(out) != ARCHIVE_OK)
		return error_set(err, ERROR_INVALID, 0, "finish the folders: %s",
				 archive_error_string(out));
	if (layer && finish(&changes, say, err) < 0)
		return -1;
	drain(fd);
	return 0;
}
