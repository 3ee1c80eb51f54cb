/* SPDX-License-Identifier: MIT */
#include "runtime/feeder.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/import.h"

#define BLOCK (256u << 10)
#define TAR_BLOCK 512u
#define PIPE_SIZE (1 << 20)

/* What the child sends back, whole. */
struct answer {
	uint32_t done; /* all was read and written */
	struct feeder_report report;
	char message[512];
};

/* --- the child --- */

struct source {
	struct parcel_file file;
	struct digest hash;
	uint64_t size;
	struct error err;
	unsigned char block[BLOCK];
};

static ssize_t take_block(struct source *s)
{
	ssize_t n = parcel_read(&s->file, s->block, sizeof(s->block), &s->err);

	if (n > 0) {
		digest_add(&s->hash, s->block, (size_t)n);
		s->size += (uint64_t)n;
	}
	return n;
}

static la_ssize_t give(struct archive *a, void *data, const void **out)
{
	struct source *s = data;
	ssize_t n = take_block(s);

	if (n < 0)
		archive_set_error(a, EIO, "%s", s->err.message);
	*out = s->block;
	return n < 0 ? ARCHIVE_FATAL : n;
}

/* Some tools (umoci) leave out the padding of the last file and the two blocks at the end. The
 * digest has been taken of what is there; whoever unpacks it wants a whole tar. */
static int end_tar(int fd, uint64_t total, struct error *err)
{
	static const char zeros[3 * TAR_BLOCK];
	size_t padding = (TAR_BLOCK - (size_t)(total % TAR_BLOCK)) % TAR_BLOCK;

	return file_write_all(fd, zeros, padding + 2 * TAR_BLOCK, err);
}

/* The tar in the layer goes to FD and, unless that is NULL, into PLAIN. */
static int pump(struct archive *a, int fd, struct digest *plain, struct error *err)
{
	struct archive_entry *entry;
	const void *block;
	size_t size;
	la_int64_t offset;
	uint64_t total = 0;
	int r = archive_read_next_header(a, &entry);

	while (r == ARCHIVE_OK &&
	       (r = archive_read_data_block(a, &block, &size, &offset)) == ARCHIVE_OK) {
		if (plain)
			digest_add(plain, block, size);
		total += size;
		/* headers and padding come on top of what the files may have */
		if (total > IMPORT_MAX_BYTES + (IMPORT_MAX_BYTES >> 2))
			return error_set(err, ERROR_INVALID, 0,
					 "the layer unpacks to more than 16 GiB");
		if (file_write_all(fd, block, size, err) < 0)
			return -1;
	}
	if (r == ARCHIVE_EOF)
		return end_tar(fd, total, err);
	const char *why = archive_error_string(a);
	return error_set(err, ERROR_INVALID, 0, "%s", why ? why : "it is no archive");
}

static int feed(const struct parcel *b, const char *name, int fd, struct feeder_report *out,
		struct error *err)
{
	static struct source s = {.file = PARCEL_FILE_INIT};
	struct digest plain;
	struct archive *a = archive_read_new();

	if (!a || parcel_open(b, name, &s.file, err) < 0)
		return -1;
	digest_begin(&s.hash);
	digest_begin(&plain);
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_format_raw(a);
	archive_read_support_format_empty(a);
	if (archive_read_open(a, &s, NULL, give, NULL) != ARCHIVE_OK)
		return error_set(err, ERROR_INVALID, 0, "%s", archive_error_string(a));
	/* what is not compressed is the tar itself (the one filter is the reading) */
	bool packed = archive_filter_count(a) > 1;
	if (pump(a, fd, packed ? &plain : NULL, err) < 0)
		return -1;
	/* the digest is of the whole file, also of what the packer's end leaves unread */
	while (take_block(&s) > 0)
		;
	digest_end(&s.hash, out->digest);
	if (packed)
		digest_end(&plain, out->diff_id);
	else
		memcpy(out->diff_id, out->digest, sizeof(out->diff_id));
	out->size = s.size;
	return 0;
}

static void run(const struct parcel *b, const char *name, int fd, int answer)
	__attribute__((noreturn));
static void run(const struct parcel *b, const char *name, int fd, int answer)
{
	static struct answer a;
	struct error err = ERROR_INIT;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	a.done = feed(b, name, fd, &a.report, &err) == 0;
	snprintf(a.message, sizeof(a.message), "%.*s", (int)sizeof(a.message) - 1, err.message);
	file_write_all(answer, &a, sizeof(a), NULL);
	_exit(0);
}

/* --- its parent --- */

int feeder_start(const struct parcel *b, const char *name, struct feeder *out, struct error *err)
{
	int data[2], answer[2];

	if (pipe2(data, O_CLOEXEC) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a pipe");
	if (pipe2(answer, O_CLOEXEC) < 0) {
		error_set(err, ERROR_SYSTEM, errno, "make a pipe");
		close(data[0]);
		close(data[1]);
		return -1;
	}
	(void)fcntl(data[1], F_SETPIPE_SZ, PIPE_SIZE); /* faster, where it is allowed */
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		close(data[0]);
		close(answer[0]);
		run(b, name, data[1], answer[1]);
	}
	if (pid < 0)
		error_set(err, ERROR_SYSTEM, errno, "fork");
	close(data[1]);
	close(answer[1]);
	if (pid < 0) {
		close(data[0]);
		close(answer[0]);
		return -1;
	}
	*out = (struct feeder){.data = data[0], .answer = answer[0], .pid = pid};
	return 0;
}

static int read_answer(int fd, struct answer *out)
{
	size_t have = 0;
	ssize_t n;

	while (have < sizeof(*out) &&
	       ((n = read(fd, (char *)out + have, sizeof(*out) - have)) > 0 ||
		(n < 0 && errno == EINTR)))
		have += n > 0 ? (size_t)n : 0;
	out->message[sizeof(out->message) - 1] = '\0';
	return have == sizeof(*out) ? 0 : -1;
}

int feeder_end(struct feeder *f, struct feeder_report *out, struct error *err)
{
	struct answer a;

	f->data = close_fd(f->data); /* a child that still writes ends */
	int heard = read_answer(f->answer, &a);
	f->answer = close_fd(f->answer);
	while (waitpid(f->pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (heard < 0)
		return error_set(err, ERROR_FAILED, 0,
				 "the process that read the layer died (out of memory?)");
	if (!a.done)
		return error_set(err, ERROR_INVALID, 0, "%s", a.message);
	*out = a.report;
	return 0;
}
