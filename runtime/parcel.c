/* SPDX-License-Identifier: MIT */
#include "runtime/parcel.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/printable.h"
#include "base/strvec.h"

#define BLOCK (256u << 10)
#define MAX_LINKS 8
#define TAR_MAGIC "ustar"
#define TAR_MAGIC_SIZE (sizeof(TAR_MAGIC) - 1)
#define TAR_MAGIC_AT 257

static void free_reader(struct archive **a)
{
	archive_read_free(*a);
}

void parcel_release(struct parcel *b)
{
	b->archive = close_fd(b->archive);
	b->folder = close_fd(b->folder);
	for (size_t i = 0; i < b->n; i++) {
		free(b->members[i].name);
		free(b->members[i].link);
	}
	free(b->members);
	b->members = NULL;
	b->n = 0;
}

char *parcel_resolve(const char *name, const char *link)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	const char *slash = strrchr(name, '/');
	_cleanup_free_ char *whole = link && slash
					     ? xasprintf("%.*s/%s", (int)(slash - name), name, link)
					     : xstrdup(link ? link : name);

	if (*name == '/' || (link && *link == '/'))
		return NULL;
	for (const char *p = whole; *p;) {
		size_t n = strcspn(p, "/");
		if (n == 2 && p[0] == '.' && p[1] == '.') {
			const char *last = strrchr(out.data, '/');
			if (out.len == 0)
				return NULL;
			strbuf_truncate(&out, last ? (size_t)(last - out.data) : 0);
		} else if (n > 0 && !(n == 1 && *p == '.')) {
			strbuf_addf(&out, "%s%.*s", out.len ? "/" : "", (int)n, p);
		}
		p += n + (p[n] == '/');
	}
	return strbuf_detach(&out);
}

/* --- receiving --- */

struct input {
	int fd;
	char block[BLOCK];
};

static la_ssize_t give(struct archive *a, void *data, const void **out)
{
	struct input *in = data;

	for (;;) {
		ssize_t n = read(in->fd, in->block, sizeof(in->block));
		if (n >= 0) {
			*out = in->block;
			return n;
		}
		if (errno == EAGAIN) {
			struct pollfd wait = {.fd = in->fd, .events = POLLIN};
			poll(&wait, 1, -1);
		} else if (errno != EINTR) {
			archive_set_error(a, errno, "it cannot be read");
			return ARCHIVE_FATAL;
		}
	}
}

static int broken(struct error *err, struct archive *a)
{
	const char *why = archive_error_string(a);

	return error_set(err, ERROR_INVALID, 0, "read the archive: %s",
			 why ? why : "it is no archive");
}

static int too_large(struct error *err)
{
	return error_set(err, ERROR_INVALID, 0, "the archive unpacks to more than 32 GiB");
}

static int unpack_to(struct archive *in, int file, uint64_t *out_bytes, struct error *err)
{
	struct archive_entry *entry;
	const void *block;
	size_t size;
	la_int64_t offset;
	uint64_t total = 0;
	int r = archive_read_next_header(in, &entry);

	if (r == ARCHIVE_EOF)
		return error_set(err, ERROR_INVALID, 0, "the archive is empty: nothing was sent");
	if (r != ARCHIVE_OK)
		return broken(err, in);
	while ((r = archive_read_data_block(in, &block, &size, &offset)) == ARCHIVE_OK) {
		total += size;
		if (total > PARCEL_MAX_BYTES)
			return too_large(err);
		if (file_write_all(file, block, size, err) < 0)
			return error_wrap(err, "keep the archive");
	}
	if (r != ARCHIVE_EOF)
		return broken(err, in);
	*out_bytes = total;
	return 0;
}

static int keep(const struct instance *inst, int fd, struct parcel *b, struct error *err)
{
	_cleanup_free_ char *folder = instance_lib(inst, "stage");
	_cleanup_close_ int file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	_cleanup_(free_reader) struct archive *in = archive_read_new();
	_cleanup_free_ struct input *input = xcalloc(1, sizeof(*input));

	if (file < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a temporary file in '%s'", folder);
	if (!in)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "open the archive");
	input->fd = fd;
	archive_read_support_filter_gzip(in);
	archive_read_support_filter_bzip2(in);
	archive_read_support_filter_xz(in);
	archive_read_support_filter_zstd(in);
	archive_read_support_format_raw(in);
	archive_read_support_format_empty(in);
	if (archive_read_open(in, input, NULL, give, NULL) != ARCHIVE_OK)
		return broken(err, in);
	if (unpack_to(in, file, &b->bytes, err) < 0)
		return -1;
	b->archive = TAKE_FD(file);
	return 0;
}

/* A tar in a file that user berth may read is read where it lies, with a description of our own; -1
 * for anything else. */
static int open_in_place(int fd, uint64_t *out_bytes)
{
	_cleanup_free_ char *path = xasprintf("/proc/self/fd/%d", fd);
	_cleanup_close_ int file = -1;
	char magic[TAR_MAGIC_SIZE];
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || lseek(fd, 0, SEEK_CUR) != 0 ||
	    pread(fd, magic, sizeof(magic), TAR_MAGIC_AT) != sizeof(magic) ||
	    memcmp(magic, TAR_MAGIC, sizeof(magic)) != 0)
		return -1;
	file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (file < 0)
		return -1;
	*out_bytes = (uint64_t)st.st_size;
	return TAKE_FD(file);
}

/* --- listing --- */

static int open_tar(int fd, struct archive **out, struct error *err)
{
	_cleanup_(free_reader) struct archive *a = archive_read_new();

	if (!a || lseek(fd, 0, SEEK_SET) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open the archive");
	archive_read_support_format_tar(a);
	archive_read_support_format_empty(a);
	/* opening looks for the format */
	if (archive_read_open_fd(a, fd, BLOCK) != ARCHIVE_OK)
		return error_set(err, ERROR_INVALID, 0,
				 "it is no tar: expected what 'docker save' writes, or an OCI "
				 "archive");
	*out = TAKE_PTR(a);
	return 0;
}

static int refuse(struct error *err, const char *name, const char *why)
{
	_cleanup_strbuf_ struct strbuf shown = STRBUF_INIT;

	printable_add(&shown, name);
	return error_set(err, ERROR_INVALID, 0, "archive entry '%.200s': %s", shown.data, why);
}

static struct parcel_member *find(const struct parcel *b, const char *name)
{
	for (size_t i = 0; i < b->n; i++)
		if (strcmp(b->members[i].name, name) == 0)
			return &b->members[i];
	return NULL;
}

static int add_member(struct parcel *b, struct archive_entry *entry, struct error *err)
{
	const char *raw = archive_entry_pathname(entry);
	const char *hard = archive_entry_hardlink(entry);
	bool soft = !hard && archive_entry_filetype(entry) == AE_IFLNK;
	_cleanup_free_ char *link = NULL;

	if (!raw)
		return error_set(err, ERROR_INVALID, 0, "archive: an entry has no readable name");
	_cleanup_free_ char *name = parcel_resolve(raw, NULL);
	if (!name)
		return refuse(err, raw, "leads out of the archive");
	if (hard || soft) {
		const char *target = soft ? archive_entry_symlink(entry) : NULL;
		link = soft ? parcel_resolve(name, target ? target : "")
			    : parcel_resolve(hard, NULL);
		if (!link)
			link = xstrdup(""); /* refused when it is asked for: a root may have such */
	} else if (archive_entry_filetype(entry) != AE_IFREG) {
		return 0;
	}
	if (!*name)
		return 0;
	if (find(b, name))
		return refuse(err, raw, "is there twice");
	b->members = xreallocarray(b->members, b->n + 1, sizeof(*b->members));
	b->members[b->n++] = (struct parcel_member){TAKE_PTR(name), TAKE_PTR(link)};
	return 0;
}

/* The name alone tells whether this can be an image: a root file system has other files at its top
 * before long, and links that an image's archive has not. */
static bool is_of_image(struct archive_entry *entry)
{
	const char *raw = archive_entry_pathname(entry);
	_cleanup_free_ char *name = raw ? parcel_resolve(raw, NULL) : NULL;

	if (!raw || !name)
		return true; /* to be refused by name */
	const char *slash = strchr(name, '/'), *dot = strrchr(name, '.');
	/* "blobs/sha256/HEX"; docker's "HEX/layer.tar" */
	return !slash || str_starts(name, "blobs/") ||
	       (slash == strrchr(name, '/') && dot &&
		(!strcmp(dot, ".tar") || !strcmp(dot, ".gz") || !strcmp(dot, ".tgz")));
}

static int list(struct parcel *b, struct error *err)
{
	_cleanup_(free_reader) struct archive *a = NULL;
	struct archive_entry *entry;
	size_t others = 0;
	int r;

	if (open_tar(b->archive, &a, err) < 0)
		return -1;
	while ((r = archive_read_next_header(a, &entry)) == ARCHIVE_OK) {
		if (!is_of_image(entry) || b->n >= PARCEL_MAX_FILES) {
			others++;
			continue;
		}
		if (add_member(b, entry, err) < 0)
			return -1;
	}
	if (r != ARCHIVE_EOF)
		return broken(err, a);
	if (b->n >= PARCEL_MAX_FILES && others)
		b->kind = PARCEL_ROOT;
	else if (find(b, "index.json") && find(b, "oci-layout"))
		b->kind = PARCEL_OCI;
	else
		b->kind = find(b, "manifest.json") ? PARCEL_DOCKER : PARCEL_ROOT;
	return 0;
}

int parcel_receive(const struct instance *inst, int fd, struct parcel *b, struct error *err)
{
	b->archive = open_in_place(fd, &b->bytes);
	if (b->archive >= 0) {
		if (b->bytes > PARCEL_MAX_BYTES)
			return too_large(err);
		if (list(b, err) < 0)
			return -1;
		if (b->kind != PARCEL_ROOT)
			return 0;
		parcel_release(b);
	}
	return keep(inst, fd, b, err) < 0 ? -1 : list(b, err);
}

int parcel_open_folder(const char *path, struct parcel *b, struct error *err)
{
	b->folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (b->folder < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	b->kind = PARCEL_OCI;
	return 0;
}

/* --- reading --- */

static int missing(struct error *err, const char *name)
{
	return error_set(err, ERROR_NOT_FOUND, 0, "'%.200s' is missing in the image's archive",
			 name);
}

static int open_member(const struct parcel *b, const char *name, struct parcel_file *out,
		       struct error *err)
{
	_cleanup_(free_reader) struct archive *a = NULL;
	const struct parcel_member *m = find(b, name);
	struct archive_entry *entry;

	for (int i = 0; m && m->link; i++) {
		if (!*m->link)
			return refuse(err, m->name, "is a link that leads out of the archive");
		m = i < MAX_LINKS ? find(b, m->link) : NULL;
	}
	if (!m)
		return missing(err, name);
	if (open_tar(b->archive, &a, err) < 0)
		return -1;
	while (archive_read_next_header(a, &entry) == ARCHIVE_OK) {
		const char *raw = archive_entry_pathname(entry);
		_cleanup_free_ char *plain = raw ? parcel_resolve(raw, NULL) : NULL;
		if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) ||
		    !str_equal(plain, m->name))
			continue;
		out->archive = TAKE_PTR(a);
		return 0;
	}
	return missing(err, name);
}

int parcel_open(const struct parcel *b, const char *name, struct parcel_file *out,
		struct error *err)
{
	struct error why = ERROR_INIT;

	if (b->archive >= 0)
		return open_member(b, name, out, err);
	_cleanup_free_ char *plain = parcel_resolve(name, NULL);
	int fd =
		plain && *plain ? file_open_beneath(b->folder, plain, O_RDONLY, 0, true, &why) : -1;
	if (fd < 0)
		return missing(err, name);
	out->fd = fd;
	return 0;
}

ssize_t parcel_read(struct parcel_file *f, void *data, size_t size, struct error *err)
{
	if (f->archive) {
		la_ssize_t n = archive_read_data(f->archive, data, size);
		if (n < 0)
			broken(err, f->archive);
		return n < 0 ? -1 : n;
	}
	for (;;) {
		ssize_t n = read(f->fd, data, size);
		if (n >= 0)
			return n;
		if (errno != EINTR)
			return error_set(err, ERROR_SYSTEM, errno, "read the image");
	}
}

void parcel_close(struct parcel_file *f)
{
	if (f->archive)
		archive_read_free(f->archive);
	f->archive = NULL;
	f->fd = close_fd(f->fd);
}

int parcel_load(const struct parcel *b, const char *name, size_t max, struct strbuf *out,
		struct error *err)
{
	_cleanup_parcel_file_ struct parcel_file f = PARCEL_FILE_INIT;
	char block[8192];
	ssize_t n;

	if (parcel_open(b, name, &f, err) < 0)
		return -1;
	while ((n = parcel_read(&f, block, sizeof(block), err)) > 0) {
		if (out->len + (size_t)n > max)
			return error_set(err, ERROR_INVALID, 0,
					 "'%.200s' of the image's archive has more than %zu bytes",
					 name, max);
		strbuf_add(out, block, (size_t)n);
	}
	return n < 0 ? -1 : 0;
}
