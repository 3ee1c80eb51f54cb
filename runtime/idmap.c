/* SPDX-License-Identifier: MIT */
#include "runtime/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

void idmap_cache_release(struct idmap_cache *cache)
{
	for (unsigned i = 0; i < cache->n; i++)
		close(cache->fds[i]);
	cache->n = 0;
}

static int write_map(pid_t pid, const char *file, const struct idmap_range *ranges, unsigned n,
		     struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char path[64];

	for (unsigned i = 0; i < n; i++)
		strbuf_addf(&text, "%u %u %u\n", ranges[i].inside, ranges[i].outside,
			    ranges[i].count);
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	if (write(fd, text.data, text.len) != (ssize_t)text.len)
		return error_set(err, ERROR_SYSTEM, errno, "write '%s'", path);
	return 0;
}

int idmap_write(pid_t pid, const struct idmap_table *t, struct error *err)
{
	if (write_map(pid, "uid_map", t->uids, t->n_uids, err) < 0)
		return -1;
	return write_map(pid, "gid_map", t->gids, t->n_gids, err);
}

/* Holds the new namespace until its descriptor is open. It shares the parent's memory, so that
 * making it copies no page tables: it makes system calls only. */
static int hold(void *parent)
{
	syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* who ended before that sends nothing */
	while (syscall(SYS_getppid) == (intptr_t)parent)
		syscall(SYS_pause);
	return 0;
}

int idmap_userns(const struct idmap_table *table, int *out_fd, struct error *err)
{
	static _Alignas(16) char stack[16384];
	char path[64];
	int fd = -1;
	pid_t pid = clone(hold, stack + sizeof(stack), CLONE_NEWUSER | CLONE_VM | SIGCHLD,
			  (void *)(intptr_t)getpid());

	if (pid < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a user namespace");
	int failed = idmap_write(pid, table, err);
	if (!failed) {
		snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			failed = error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	}
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (failed)
		return -1;
	*out_fd = fd;
	return 0;
}

static int cached_userns(struct idmap_cache *cache, const struct idmap *map, struct error *err)
{
	/* in the map's namespace the ids on disk are the ones inside */
	struct idmap_range uids = {map->uid, map->to, map->count};
	struct idmap_range gids = {map->gid, map->to, map->count};
	struct idmap_table table = {&uids, &gids, 1, 1};
	int fd = -1;

	for (unsigned i = 0; i < cache->n; i++) {
		if (!memcmp(&cache->maps[i], map, sizeof(*map)))
			return cache->fds[i];
	}
	if (cache->n == IDMAP_CACHE) {
		error_set(err, ERROR_INVALID, 0, "the layers have more than %d different owners",
			  IDMAP_CACHE);
		return -1;
	}
	if (idmap_userns(&table, &fd, err) < 0)
		return -1;
	cache->maps[cache->n] = *map;
	cache->fds[cache->n++] = fd;
	return fd;
}

int idmap_clone(struct idmap_cache *cache, int dirfd, const struct idmap *map, int read_only,
		int *out_fd, struct error *err)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
				  .propagation = MS_PRIVATE};

	if (read_only)
		attr.attr_set |= MOUNT_ATTR_RDONLY;
	if (map) {
		int userns = cached_userns(cache, map, err);

		if (userns < 0)
			return -1;
		attr.attr_set |= MOUNT_ATTR_IDMAP;
		attr.userns_fd = (__u64)userns;
	}
	_cleanup_close_ int fd =
		open_tree(dirfd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "copy a mount");
	if (mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return error_set(err, ERROR_SYSTEM, errno,
				 map ? "map the owners of a mount" : "set up a mount");
	*out_fd = TAKE_FD(fd);
	return 0;
}
