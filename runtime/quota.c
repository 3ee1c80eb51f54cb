/* SPDX-License-Identifier: MIT */
#include "runtime/quota.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define NEARLY_NOTHING 65536 /* bytes: no program writes on with that */

void quota_init(struct quota *q)
{
	memset(q, 0, sizeof(*q));
	for (size_t i = 0; i < ARRAY_SIZE(q->disks); i++)
		q->disks[i] = -1;
}

void quota_begin(struct quota *q, const struct cgroup *cgroup)
{
	quota_init(q);
	q->cgroup = cgroup;
	cgroup_hits(cgroup, &q->before);
	q->last = q->before;
}

/* The root tells of the folder that its overlay writes to; both are mounts, which no tenant can
 * replace. A volume on /tmp is no disk of the container's own. */
static int open_disk(pid_t init, size_t i)
{
	static const struct {
		const char *name;
		long type;
	} places[] = {{".", OVERLAYFS_SUPER_MAGIC}, {"tmp", TMPFS_MAGIC}};
	char path[64];
	struct statfs fs;

	snprintf(path, sizeof(path), "/proc/%d/root/%s", init, places[i].name);
	_cleanup_close_ int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstatfs(fd, &fs) < 0 || (long)fs.f_type != places[i].type)
		return -1;
	return TAKE_FD(fd);
}

uint64_t quota_disk_use(pid_t init)
{
	uint64_t most = 0;

	for (size_t i = 0; i < QUOTA_DISKS; i++) {
		_cleanup_close_ int fd = open_disk(init, i);
		struct statfs fs;

		if (fd < 0 || fstatfs(fd, &fs) < 0)
			continue;
		uint64_t use = (uint64_t)(fs.f_blocks - fs.f_bfree) * (uint64_t)fs.f_bsize;
		most = use > most ? use : most;
	}
	return most;
}

void quota_watch(struct quota *q, pid_t init)
{
	for (size_t i = 0; i < QUOTA_DISKS; i++)
		q->disks[i] = open_disk(init, i);
	q->next_ms = clock_ms() + QUOTA_EVERY_MS;
}

/* A tmpfs without bytes or without inodes. */
static bool is_full(int fd)
{
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return false;
	return (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize <= NEARLY_NOTHING ||
	       (fs.f_files && !fs.f_ffree);
}

bool quota_is_news(struct quota *q, enum quota_hit kind)
{
	int64_t at = clock_ms(), *told = &q->told_ms[__builtin_ctz(kind)];

	if (*told && at < *told + QUOTA_AGAIN_MS)
		return false;
	*told = at;
	return true;
}

unsigned quota_look(struct quota *q)
{
	struct cgroup_hits now;
	unsigned hit = 0;

	cgroup_hits(q->cgroup, &now);
	if (now.oom_kills > q->last.oom_kills)
		hit |= QUOTA_MEMORY;
	if (now.pids_refused > q->last.pids_refused)
		hit |= QUOTA_PIDS;
	for (size_t i = 0; i < ARRAY_SIZE(q->disks); i++)
		hit |= is_full(q->disks[i]) ? QUOTA_DISK : 0;
	q->last = now;
	for (size_t i = 0; i < QUOTA_KINDS; i++) {
		if ((hit & (1u << i)) && !quota_is_news(q, (enum quota_hit)(1u << i)))
			hit &= ~(1u << i);
	}
	if (q->next_ms)
		q->next_ms = clock_ms() + QUOTA_EVERY_MS;
	return hit;
}

void quota_tell(struct logfile *log, const struct spec_limits *l, unsigned hit)
{
	unsigned long long memory = l->memory >> 20, disk = l->disk >> 20;

	if (hit & QUOTA_MEMORY)
		logfile_say(log, "Error R14 (memory quota exceeded): the limit is %llu MB", memory);
	if (hit & QUOTA_DISK)
		logfile_say(log,
			    "Error R81 (disk quota exceeded): its writable layer or /tmp is full, "
			    "the limit of each is %llu MB",
			    disk);
	if (hit & QUOTA_PIDS)
		logfile_say(log,
			    "Error R82 (process quota exceeded): the limit is %u processes and "
			    "threads",
			    l->pids);
	if (hit & QUOTA_LOG)
		logfile_say(log,
			    "Error R83 (log rate exceeded): it waits, what it prints is read at "
			    "%llu kB a second",
			    (unsigned long long)l->log_rate / 1000);
}

bool quota_end(struct quota *q)
{
	for (size_t i = 0; i < ARRAY_SIZE(q->disks); i++)
		q->disks[i] = close_fd(q->disks[i]);
	q->next_ms = 0;
	return q->last.oom_kills > q->before.oom_kills;
}
