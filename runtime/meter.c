/* SPDX-License-Identifier: MIT */
#include "runtime/meter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

static uint64_t walk(int fd, unsigned depth, uint64_t least, uint64_t limit);

/* One entry: its own blocks, LEAST bytes at least, and, for a folder, what is in it. */
static uint64_t entry(int dir, const char *name, unsigned depth, uint64_t least, uint64_t limit)
{
	struct stat st;
	uint64_t bytes, below;
	int fd;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	bytes = (uint64_t)st.st_blocks * 512;
	if (bytes < least)
		bytes = least;
	if (!S_ISDIR(st.st_mode))
		return bytes / (st.st_nlink ? st.st_nlink : 1);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	below = fd < 0 ? 0 : walk(fd, depth + 1, least, limit);
	return below == UINT64_MAX ? below : bytes + below;
}

/* Takes FD over. */
static uint64_t walk(int fd, unsigned depth, uint64_t least, uint64_t limit)
{
	uint64_t sum = 0;
	DIR *d = depth < METER_DEPTH ? fdopendir(fd) : NULL;

	if (!d) {
		close_fd(fd);
		return depth < METER_DEPTH ? 0 : UINT64_MAX;
	}
	for (struct dirent *e; sum <= limit && (e = readdir(d));) {
		uint64_t more;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		more = entry(dirfd(d), e->d_name, depth, least, limit - sum);
		sum = more == UINT64_MAX ? more : sum + more;
	}
	closedir(d);
	return sum;
}

static uint64_t measure(int dirfd, uint64_t least, uint64_t limit)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? 0 : walk(fd, 0, least, limit);
}

uint64_t meter_walk(int dirfd)
{
	return measure(dirfd, 0, UINT64_MAX - 1);
}

void meter_init(struct meter *m, uint64_t limit)
{
	*m = (struct meter){.limit = limit, .pidfd = -1};
}

void meter_add(struct meter *m, int dirfd)
{
	if (dirfd < 0 || m->n == METER_TREES)
		return;
	m->dirfds[m->n++] = dirfd;
	m->next_ms = clock_ms() + METER_EVERY_MS;
}

bool meter_is_passed(const struct meter *m)
{
	for (unsigned i = 0; i < m->n; i++) {
		if (measure(m->dirfds[i], METER_INODE, m->limit) > m->limit)
			return true;
	}
	return false;
}

void meter_tick(struct meter *m)
{
	if (!m->n || m->pidfd >= 0 || clock_ms() < m->next_ms)
		return;
	m->next_ms = clock_ms() + METER_EVERY_MS;
	m->pid = fork();
	if (m->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		_exit(meter_is_passed(m));
	}
	if (m->pid > 0)
		m->pidfd = (int)syscall(SYS_pidfd_open, m->pid, 0);
}

bool meter_take(struct meter *m)
{
	int status = 0;

	while (waitpid(m->pid, &status, 0) < 0 && errno == EINTR)
		;
	m->pidfd = close_fd(m->pidfd);
	/* a long walk is not begun again at once */
	m->next_ms = clock_ms() + METER_EVERY_MS;
	return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

void meter_release(struct meter *m)
{
	if (m->pidfd >= 0) {
		kill(m->pid, SIGKILL);
		meter_take(m);
	}
	m->n = 0;
	m->next_ms = 0;
}
