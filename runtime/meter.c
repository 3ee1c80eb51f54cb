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

static uint64_t walk(int fd, unsigned depth, uint64_t limit);

/* One entry: its own blocks and, for a folder, what is in it. */
static uint64_t entry(int dir, const char *name, unsigned depth, uint64_t limit)
{
	struct stat st;
	uint64_t bytes, below;
	int fd;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	bytes = (uint64_t)st.st_blocks * 512;
	if (!S_ISDIR(st.st_mode))
		return bytes / (st.st_nlink ? st.st_nlink : 1);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	below = fd < 0 ? 0 : walk(fd, depth + 1, limit);
	return below == UINT64_MAX ? below : bytes + below;
}

/* Takes FD over. */
static uint64_t walk(int fd, unsigned depth, uint64_t limit)
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
		more = entry(dirfd(d), e->d_name, depth, limit - sum);
		sum = more == UINT64_MAX ? more : sum + more;
	}
	closedir(d);
	return sum;
}

uint64_t meter_walk(int dirfd, uint64_t limit)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? 0 : walk(fd, 0, limit);
}

void meter_init(struct meter *m, int dirfd, uint64_t limit)
{
	*m = (struct meter){
		.dirfd = dirfd,
		.limit = limit,
		.pidfd = -1,
		.next_ms = dirfd < 0 ? 0 : clock_ms() + METER_EVERY_MS,
	};
}

void meter_tick(struct meter *m)
{
	if (m->dirfd < 0 || m->pidfd >= 0 || clock_ms() < m->next_ms)
		return;
	m->next_ms = clock_ms() + METER_EVERY_MS;
	m->pid = fork();
	if (m->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		_exit(meter_walk(m->dirfd, m->limit) > m->limit);
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
	m->dirfd = -1;
	m->next_ms = 0;
}
