/* SPDX-License-Identifier: MIT */
#include "runtime/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/strbuf.h"

#define OUT_MAX 65536

static gid_t reader_gid(const struct logfile *lf)
{
	struct stat st;

	return fstat(lf->dirfd, &st) < 0 ? (gid_t)-1 : st.st_gid;
}

static int open_file(struct logfile *lf)
{
	int fd = openat(lf->dirfd, lf->name,
			O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0640);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	if (st.st_gid != reader_gid(lf) && fchown(fd, 0, reader_gid(lf)) < 0) {
		/* then only root reads it */
	}
	close_fd(lf->fd);
	lf->fd = fd;
	lf->inode = st.st_ino;
	lf->size = (uint64_t)st.st_size;
	return 0;
}

int logfile_open(struct logfile *lf, const char *logs, const char *app, const char *name,
		 uint64_t max, gid_t gid, struct error *err)
{
	memset(lf, 0, sizeof(*lf));
	lf->dirfd = lf->fd = -1;
	_cleanup_close_ int top = open(logs, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (top < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", logs);
	if (mkdirat(top, app, 0750) == 0) {
		if (fchownat(top, app, 0, gid, AT_SYMLINK_NOFOLLOW) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "chown '%s/%s'", logs, app);
	} else if (errno != EEXIST) {
		return error_set(err, ERROR_SYSTEM, errno, "make '%s/%s'", logs, app);
	}
	lf->dirfd = openat(top, app, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (lf->dirfd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s/%s'", logs, app);
	snprintf(lf->label, sizeof(lf->label), "%s", name);
	snprintf(lf->name, sizeof(lf->name), "%s.log", name);
	lf->max = max ? max : LOGFILE_DEFAULT_MAX;
	if (open_file(lf) < 0) {
		error_set(err, ERROR_SYSTEM, errno, "open '%s/%s/%s'", logs, app, lf->name);
		lf->dirfd = close_fd(lf->dirfd);
		return -1;
	}
	return 0;
}

/* The name still means our file: the other shim may have rotated. Its size is what both have
 * written. */
static bool is_current(struct logfile *lf)
{
	struct stat st;

	if (fstatat(lf->dirfd, lf->name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_ino != lf->inode)
		return false;
	lf->size = (uint64_t)st.st_size;
	return true;
}

static void rotate(struct logfile *lf)
{
	char from[192], to[192];

	if (flock(lf->dirfd, LOCK_EX) < 0)
		return;
	if (is_current(lf)) {
		for (int i = LOGFILE_KEPT - 1; i >= 1; i--) {
			snprintf(from, sizeof(from), "%s.%d", lf->name, i);
			snprintf(to, sizeof(to), "%s.%d", lf->name, i + 1);
			renameat(lf->dirfd, from, lf->dirfd, to);
		}
		snprintf(to, sizeof(to), "%s.1", lf->name);
		renameat(lf->dirfd, lf->name, lf->dirfd, to);
	}
	open_file(lf);
	flock(lf->dirfd, LOCK_UN);
}

static size_t count_lines(const char *p, size_t n)
{
	size_t lines = 0;

	for (size_t i = 0; i < n; i++)
		lines += p[i] == '\n';
	return lines;
}

void logfile_flush(struct logfile *lf)
{
	size_t done = 0;

	if (!lf->out_len)
		return;
	if (!is_current(lf))
		open_file(lf);
	if (lf->size && lf->size + lf->out_len > lf->max)
		rotate(lf);
	while (done < lf->out_len) {
		ssize_t n = write(lf->fd, lf->out + done, lf->out_len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	lf->size += done;
	lf->lost += count_lines(lf->out + done, lf->out_len - done);
	lf->out_len = 0;
	if (lf->lost && done) {
		uint64_t lost = lf->lost;

		lf->lost = 0;
		logfile_say(lf, "%llu lines were lost: the disk was full",
			    (unsigned long long)lost);
	}
}

/* One line, whole: time, who, text. */
static void put_line(struct logfile *lf, const char *who, const char *text, size_t len)
{
	char time[CLOCK_TEXT_MAX], head[CLOCK_TEXT_MAX + sizeof(lf->label) + 16];
	int n;

	clock_text(clock_unix_us(), 6, time);
	n = snprintf(head, sizeof(head), "%s %s[%s]: ", time, who, lf->label);
	if (!lf->out)
		lf->out = xmalloc(OUT_MAX);
	if (lf->out_len + (size_t)n + len + 1 > OUT_MAX)
		logfile_flush(lf);
	memcpy(lf->out + lf->out_len, head, (size_t)n);
	lf->out_len += (size_t)n;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		lf->out[lf->out_len++] =
			(c < 32 && c != '\t' && c != '\033') || c == 127 ? '?' : (char)c;
	}
	lf->out[lf->out_len++] = '\n';
}

static void end_line(struct logfile *lf, const char *text, size_t len)
{
	if (len && text[len - 1] == '\r')
		len--;
	put_line(lf, "app", text, len);
}

void logfile_feed(struct logfile *lf, const char *data, size_t len)
{
	while (len) {
		const char *nl = memchr(data, '\n', len);
		size_t n = nl ? (size_t)(nl - data) : len;
		size_t room = LOGFILE_LINE_MAX - lf->line_len;
		size_t take = n < room ? n : room;

		if (nl && !lf->line_len && n <= LOGFILE_LINE_MAX) {
			end_line(lf, data, n);
			data += n + 1;
			len -= n + 1;
			continue;
		}
		if (!lf->line)
			lf->line = xmalloc(LOGFILE_LINE_MAX);
		memcpy(lf->line + lf->line_len, data, take);
		lf->line_len += take;
		data += take;
		len -= take;
		if (take == n && nl) {
			data++;
			len--;
			end_line(lf, lf->line, lf->line_len);
			lf->line_len = 0;
		} else if (lf->line_len == LOGFILE_LINE_MAX && (len && *data != '\n')) {
			put_line(lf, "app", lf->line, lf->line_len);
			lf->line_len = 0;
		}
	}
}

void logfile_finish(struct logfile *lf)
{
	if (lf->line_len)
		end_line(lf, lf->line, lf->line_len);
	lf->line_len = 0;
	logfile_flush(lf);
}

void logfile_say(struct logfile *lf, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	put_line(lf, "berth", text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
	logfile_flush(lf);
}

void logfile_close(struct logfile *lf)
{
	logfile_finish(lf);
	lf->fd = close_fd(lf->fd);
	lf->dirfd = close_fd(lf->dirfd);
	free(lf->line);
	free(lf->out);
	lf->line = lf->out = NULL;
}

int logfile_remove(const char *logs, const char *app, const char *name, struct error *err)
{
	_cleanup_close_ int top = open(logs, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_close_ int dir =
		top < 0 ? -1 : openat(top, app, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return errno == ENOENT
			       ? 0
			       : error_set(err, ERROR_SYSTEM, errno, "open '%s/%s'", logs, app);
	for (int i = 0; i <= LOGFILE_KEPT; i++) {
		_cleanup_free_ char *file =
			i ? xasprintf("%s.log.%d", name, i) : xasprintf("%s.log", name);
		if (unlinkat(dir, file, 0) < 0 && errno != ENOENT)
			return error_set(err, ERROR_SYSTEM, errno, "remove '%s/%s/%s'", logs, app,
					 file);
	}
	return 0;
}
