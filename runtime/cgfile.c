/* SPDX-License-Identifier: MIT */
#include "runtime/cgfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

/* Held at a time: a group may have more processes than this one may have descriptors. */
#define HELD_MAX 64

int cgfile_write(int dirfd, const char *file, const char *text)
{
	_cleanup_close_ int fd = openat(dirfd, file, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(text);

	return fd >= 0 && write(fd, text, len) == (ssize_t)len ? 0 : -1;
}

int cgfile_write_number(int dirfd, const char *file, uint64_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	return cgfile_write(dirfd, file, text);
}

ssize_t cgfile_read(int dirfd, const char *file, char *buf, size_t size)
{
	_cleanup_close_ int fd = openat(dirfd, file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
	return n;
}

uint64_t cgfile_number(int dirfd, const char *file)
{
	char buf[64];

	return cgfile_read(dirfd, file, buf, sizeof(buf)) > 0 ? strtoull(buf, NULL, 10) : 0;
}

uint64_t cgfile_key(int dirfd, const char *file, const char *key)
{
	char buf[4096];
	size_t len = strlen(key);

	if (cgfile_read(dirfd, file, buf, sizeof(buf)) <= 0)
		return 0;
	for (const char *p = buf; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		if (!strncmp(p, key, len) && p[len] == ' ')
			return strtoull(p + len + 1, NULL, 10);
	}
	return 0;
}

/* --- members -------------------------------------------------------------------------------- */

static int compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

/* Sorted; 0 stands for those of other pid namespaces, which have no number here. */
static size_t list_members(int dirfd, pid_t **out)
{
	_cleanup_close_ int fd = openat(dirfd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	size_t n = 0, lines = 0;
	char *rest;

	*out = NULL;
	if (fd < 0 || strbuf_read_fd(&text, fd, NULL) < 0)
		return 0;
	for (const char *p = text.data; (p = strchr(p, '\n')); p++)
		lines++;
	*out = xcalloc(lines + 1, sizeof(**out));
	rest = text.data;
	for (char *line = strsep(&rest, "\n"); line && n < lines; line = strsep(&rest, "\n")) {
		(*out)[n] = (pid_t)strtol(line, NULL, 10);
		n += (*out)[n] > 1;
	}
	qsort(*out, n, sizeof(**out), compare_pids);
	return n;
}

static void signal_held(int dirfd, const pid_t *pids, const int *pidfds, size_t n, pid_t session,
			int sig)
{
	_cleanup_free_ pid_t *now = NULL;
	size_t members = list_members(dirfd, &now);

	for (size_t i = 0; i < n; i++) {
		if (pidfds[i] >= 0 && bsearch(&pids[i], now, members, sizeof(*now), compare_pids) &&
		    (!session || getsid(pids[i]) == session))
			syscall(SYS_pidfd_send_signal, pidfds[i], sig, NULL, 0);
	}
}

size_t cgfile_signal(int dirfd, pid_t session, int sig)
{
	_cleanup_free_ pid_t *pids = NULL;
	size_t all = list_members(dirfd, &pids), n = 0;
	int held[HELD_MAX];

	for (size_t i = 0; i < all; i++) {
		if (!session || getsid(pids[i]) == session)
			pids[n++] = pids[i];
	}
	for (size_t done = 0; done < n; done += HELD_MAX) {
		size_t some = n - done < HELD_MAX ? n - done : HELD_MAX;

		for (size_t i = 0; i < some; i++)
			held[i] = (int)syscall(SYS_pidfd_open, pids[done + i], 0);
		signal_held(dirfd, pids + done, held, some, session, sig);
		for (size_t i = 0; i < some; i++)
			close_fd(held[i]);
	}
	return n;
}
