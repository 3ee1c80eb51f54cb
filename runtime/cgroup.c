/* SPDX-License-Identifier: MIT */
#include "runtime/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "runtime/cgfile.h"

#define V2_ROOT "/sys/fs/cgroup"
#define CPU_PERIOD_US 100000
#define APPS_SLICE "/berth.slice"

/* Found by cgroup_init; the same for the whole life of the process. */
static struct {
	bool v2;
	char *shims; /* NULL: they stay where berth-runtime is */
	unsigned n;
	struct {
		char name[32];
		char *path;
	} trees[CGROUP_TREES];
} found;

static const char *const v1_wanted[] = {"memory", "pids", "cpu", "cpuacct", "devices"};

bool cgroup_is_v2(void)
{
	return found.v2;
}

const char *cgroup_root(unsigned i)
{
	return i < found.n ? found.trees[i].path : "";
}

static int add_tree(const char *name, char *path, struct error *err)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST) {
		error_set(err, ERROR_SYSTEM, errno, "make cgroup '%s'", path);
		free(path);
		return -1;
	}
	snprintf(found.trees[found.n].name, sizeof(found.trees[0].name), "%s", name);
	found.trees[found.n++].path = path;
	return 0;
}

/* Under systemd, when this is its berth-runtime.service: the slice that berth-apps.service keeps
 * for containers alone. Not a service's own group: systemd cannot start a process in one that has
 * children with controllers, nor does it keep one without processes. Without that slice the one
 * that the service is in. Otherwise the top (""). */
static char *v2_parent(void)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	const char *path, *end;

	if (file_read(AT_FDCWD, "/proc/self/cgroup", 65536, &sb, NULL) < 0)
		return xstrdup("");
	path = strstr(sb.data, "0::/");
	if (!path)
		return xstrdup("");
	path += 3;
	end = path + strcspn(path, "\n");
	if (end - path < 8 || strncmp(end - 8, ".service", 8) || str_starts(path, "/user.slice"))
		return xstrdup("");
	if (file_exists(AT_FDCWD, V2_ROOT APPS_SLICE))
		return xstrdup(APPS_SLICE);
	while (*end != '/')
		end--;
	return xstrndup(path, (size_t)(end - path));
}

/* Turns the controllers on for the children of PATH, one at a time: one that is missing must not
 * keep the others off. */
static void v2_enable(const char *path)
{
	static const char *const controllers[] = {"+memory", "+pids", "+cpu"};
	_cleanup_close_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; fd >= 0 && i < ARRAY_SIZE(controllers); i++)
		cgfile_write(fd, "cgroup.subtree_control", controllers[i]);
}

/* Before a group is made. */
static int check_v2(struct error *err)
{
	static const char *const needed[] = {"memory", "pids"};
	_cleanup_strbuf_ struct strbuf have = STRBUF_INIT;

	if (file_read(AT_FDCWD, V2_ROOT "/cgroup.controllers", 4096, &have, err) < 0)
		return -1;
	strbuf_trim(&have);
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		size_t len = strlen(needed[i]);
		const char *p = have.data;

		while (*p && !(strncmp(p, needed[i], len) == 0 && (!p[len] || p[len] == ' ')))
			p += strcspn(p, " ") + (p[strcspn(p, " ")] == ' ');
		if (!*p)
			return error_set(
				err, ERROR_UNSUPPORTED, 0,
				"the control group controller '%s' is not there: boot with "
				"cgroup_enable=%s, or give it to this container",
				needed[i], needed[i]);
	}
	return 0;
}

static int init_v2(const struct instance *inst, struct error *err)
{
	_cleanup_free_ char *parent = v2_parent();
	if (check_v2(err) < 0)
		return -1;
	char *path = xasprintf(V2_ROOT "%s/berth-%u", parent, inst->number);

	found.v2 = true;
	if (add_tree("", path, err) < 0)
		return -1;
	for (char *p = path + strlen(V2_ROOT); p; p = strchr(p + 1, '/')) {
		_cleanup_free_ char *prefix = xstrndup(path, (size_t)(p - path));

		v2_enable(prefix);
	}
	v2_enable(path);
	if (str_equal(parent, APPS_SLICE)) {
		/* beside the containers, in a group without children: only those may hold processes
		 */
		found.shims = xasprintf(V2_ROOT "%s/shims", parent);
		if (mkdir(found.shims, 0755) < 0 && errno != EEXIST)
			return error_set(err, ERROR_SYSTEM, errno, "make cgroup '%s'", found.shims);
	}
	return 0;
}

void cgroup_leave_unit(void)
{
	_cleanup_close_ int fd =
		found.shims ? open(found.shims, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0 && cgfile_write(fd, "cgroup.procs", "0") < 0)
		log_warning("cannot enter '%s': %s", found.shims, strerror(errno));
}

/* Where hierarchy NAME is mounted, from "DEV DIR cgroup OPTIONS ..." lines. */
static char *v1_mount(const char *mounts, const char *name)
{
	for (const char *p = mounts; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		char dir[512], type[32], options[256];

		if (sscanf(p, "%*s %511s %31s %255s", dir, type, options) != 3 ||
		    strcmp(type, "cgroup") != 0)
			continue;
		for (char *o = options, *next; o; o = next) {
			next = strchr(o, ',');
			if (next)
				*next++ = '\0';
			if (!strcmp(o, name))
				return xstrdup(dir);
		}
	}
	return NULL;
}

static int init_v1(const struct instance *inst, struct error *err)
{
	_cleanup_strbuf_ struct strbuf mounts = STRBUF_INIT;

	if (file_read(AT_FDCWD, "/proc/self/mounts", 4u << 20, &mounts, err) < 0)
		return -1;
	/* before a group is made; the first two are needed */
	for (size_t i = 0; i < 2; i++) {
		_cleanup_free_ char *dir = v1_mount(mounts.data, v1_wanted[i]);

		if (!dir)
			return error_set(err, ERROR_UNSUPPORTED, 0,
					 "cgroup hierarchy '%s' is not mounted: 'mkdir -p "
					 "/sys/fs/cgroup/%s && mount -t cgroup -o %s cgroup "
					 "/sys/fs/cgroup/%s' mounts it",
					 v1_wanted[i], v1_wanted[i], v1_wanted[i], v1_wanted[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(v1_wanted); i++) {
		_cleanup_free_ char *dir = v1_mount(mounts.data, v1_wanted[i]);
		bool twice = false;

		if (!dir)
			continue;
		char *path = xasprintf("%s/berth-%u", dir, inst->number);
		for (unsigned t = 0; t < found.n; t++)
			twice = twice || !strcmp(found.trees[t].path, path);
		/* cpu and cpuacct are one hierarchy on most machines */
		if (twice)
			free(path);
		else if (add_tree(v1_wanted[i], path, err) < 0)
			return -1;
	}
	return 0;
}

unsigned cgroup_remove_spares(void)
{
	unsigned left = 0;

	for (unsigned i = 0; i < found.n; i++) {
		DIR *d = opendir(found.trees[i].path);

		for (struct dirent *e; d && (e = readdir(d));) {
			if (str_starts(e->d_name, CGROUP_SPARE) &&
			    unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR) < 0)
				left++;
		}
		if (d)
			closedir(d);
	}
	return left;
}

int cgroup_init(const struct instance *inst, struct error *err)
{
	struct statfs fs;
	int failed;

	memset(&found, 0, sizeof(found));
	if (statfs(V2_ROOT, &fs) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "look at '%s'", V2_ROOT);
	failed = fs.f_type == CGROUP2_SUPER_MAGIC ? init_v2(inst, err) : init_v1(inst, err);
	if (!failed)
		cgroup_remove_spares();
	return failed;
}

/* On version 1, whose groups need nothing but a folder, one that somebody took the instance's own
 * away from makes that again. */
static int make_group(unsigned tree, const char *path)
{
	if (mkdir(path, 0755) == 0 || errno == EEXIST)
		return 0;
	if (errno != ENOENT || found.v2)
		return -1;
	log_warning("'%s' has gone, and is made again", found.trees[tree].path);
	if (mkdir(found.trees[tree].path, 0755) < 0 && errno != EEXIST)
		return -1;
	return mkdir(path, 0755) < 0 && errno != EEXIST ? -1 : 0;
}

static int open_trees(const char *id, bool make, struct cgroup *out, struct error *err)
{
	struct cgroup cg = {.v2 = found.v2};

	for (unsigned i = 0; i < found.n; i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", found.trees[i].path, id);
		int fd;

		if (make && make_group(i, path) < 0) {
			cgroup_close(&cg);
			return error_set(err, ERROR_SYSTEM, errno, "make cgroup '%s'", path);
		}
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0) {
			int missing = errno == ENOENT;

			cgroup_close(&cg);
			return error_set(err, missing ? ERROR_NOT_FOUND : ERROR_SYSTEM, errno,
					 "open cgroup '%s'", path);
		}
		memcpy(cg.trees[i].name, found.trees[i].name, sizeof(cg.trees[i].name));
		cg.trees[i].dirfd = fd;
		cg.n = i + 1;
	}
	*out = cg;
	return 0;
}

int cgroup_make(const char *name, struct cgroup *out, struct error *err)
{
	return open_trees(name, true, out, err);
}

int cgroup_rename(const char *from, const char *to)
{
	for (unsigned i = 0; i < found.n; i++) {
		_cleanup_free_ char *before = xasprintf("%s/%s", found.trees[i].path, from);
		_cleanup_free_ char *after = xasprintf("%s/%s", found.trees[i].path, to);

		/* renamed in part: what has the new name is found there, the rest is made */
		if (rename(before, after) < 0)
			return i ? 0 : -1;
	}
	return 0;
}

int cgroup_open(const char *id, struct cgroup *out, struct error *err)
{
	return open_trees(id, false, out, err);
}

void cgroup_close(struct cgroup *cg)
{
	for (unsigned i = 0; i < cg->n; i++)
		cg->trees[i].dirfd = close_fd(cg->trees[i].dirfd);
	cg->n = 0;
}

static int tree(const struct cgroup *cg, const char *name)
{
	for (unsigned i = 0; i < cg->n; i++) {
		if (cg->v2 || !strcmp(cg->trees[i].name, name))
			return cg->trees[i].dirfd;
	}
	return -1;
}

/* A child's memory.low counts only within its parent's, so each folder that is ours keeps the sum
 * of those below it. */
static void v2_sum_low(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : opendir(path);
	uint64_t sum = 0;

	for (struct dirent *e; d && (e = readdir(d));) {
		_cleanup_free_ char *file = xasprintf("%s/memory.low", e->d_name);

		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			sum += cgfile_number(fd, file);
	}
	if (d)
		closedir(d);
	if (fd >= 0 && sum != cgfile_number(fd, "memory.low"))
		cgfile_write_number(fd, "memory.low", sum);
}

static void v2_reserve(void)
{
	v2_sum_low(found.trees[0].path);
	if (str_starts(found.trees[0].path, V2_ROOT APPS_SLICE "/"))
		v2_sum_low(V2_ROOT APPS_SLICE);
}

static int limit_v2(int fd, const struct spec_limits *l)
{
	char text[64];
	uint64_t swap = l->memory_swap > l->memory ? l->memory_swap - l->memory : 0;

	if (cgfile_write_number(fd, "memory.max", l->memory) < 0 ||
	    cgfile_write_number(fd, "pids.max", l->pids) < 0)
		return -1;
	cgfile_write_number(fd, "memory.swap.max", swap);
	if (l->memory_low) {
		cgfile_write_number(fd, "memory.low", l->memory_low);
		v2_reserve();
	}
	cgfile_write(fd, "memory.oom.group", "1");
	cgfile_write_number(fd, "cpu.weight", l->cpu_weight);
	if (l->cpu_millis) {
		snprintf(text, sizeof(text), "%llu %d",
			 (unsigned long long)l->cpu_millis * CPU_PERIOD_US / 1000, CPU_PERIOD_US);
		cgfile_write(fd, "cpu.max", text);
	}
	return 0;
}

static void limit_devices_v1(int devices)
{
	static const char *const nodes[] = {"c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm",
					    "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm", "c 136:* rwm"};
	_cleanup_close_ int allow = openat(devices, "devices.allow", O_WRONLY | O_CLOEXEC);

	if (allow < 0 || cgfile_write(devices, "devices.deny", "a") < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		if (write(allow, nodes[i], strlen(nodes[i])) < 0)
			return; /* refused then, which the program will say */
	}
}

static int limit_v1(const struct cgroup *cg, const struct spec_limits *l)
{
	int memory = tree(cg, "memory"), pids = tree(cg, "pids"), cpu = tree(cg, "cpu");

	if (cgfile_write_number(memory, "memory.limit_in_bytes", l->memory) < 0 ||
	    cgfile_write_number(pids, "pids.max", l->pids) < 0)
		return -1;
	/* Without a limit of their own, version 1 counts no buffers of sockets, TCP or not. */
	cgfile_write_number(memory, "memory.kmem.tcp.limit_in_bytes", l->memory / 2);
	cgfile_write_number(memory, "memory.memsw.limit_in_bytes",
			    l->memory_swap > l->memory ? l->memory_swap : l->memory);
	if (l->memory_low)
		cgfile_write_number(memory, "memory.soft_limit_in_bytes", l->memory_low);
	if (cpu >= 0) {
		/* weight 100 is 1024 shares */
		cgfile_write_number(cpu, "cpu.shares", (uint64_t)l->cpu_weight * 1024 / 100 + 2);
		if (l->cpu_millis)
			cgfile_write_number(cpu, "cpu.cfs_quota_us",
					    (uint64_t)l->cpu_millis * CPU_PERIOD_US / 1000);
	}
	limit_devices_v1(tree(cg, "devices"));
	return 0;
}

int cgroup_create(const char *id, const struct spec_limits *limits, struct cgroup *out,
		  struct error *err)
{
	struct cgroup cg = CGROUP_INIT;

	if (open_trees(id, true, &cg, err) < 0)
		return -1;
	if ((cg.v2 ? limit_v2(cg.trees[0].dirfd, limits) : limit_v1(&cg, limits)) < 0) {
		error_set(err, ERROR_SYSTEM, errno, "set the limits of cgroup '%s'", id);
		cgroup_close(&cg);
		cgroup_remove(id, NULL);
		return -1;
	}
	*out = cg;
	return 0;
}

int cgroup_move(const struct cgroup *cg, pid_t pid)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", pid);

	for (unsigned i = 0; i < cg->n; i++) {
		int fd = openat(cg->trees[i].dirfd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
		ssize_t n;

		if (fd < 0)
			return -1;
		n = write(fd, text, (size_t)len);
		fd = close_fd(fd);
		if (n != len)
			return -1;
	}
	return 0;
}

int cgroup_enter(const struct cgroup *cg)
{
	return cgroup_move(cg, 0);
}

void cgroup_usage(const struct cgroup *cg, struct cgroup_usage *out)
{
	memset(out, 0, sizeof(*out));
	if (!cg->n)
		return;
	if (cg->v2) {
		int fd = cg->trees[0].dirfd;

		out->memory = cgfile_number(fd, "memory.current");
		out->memory_peak = cgfile_number(fd, "memory.peak");
		out->cpu_us = cgfile_key(fd, "cpu.stat", "usage_usec");
		out->pids = (uint32_t)cgfile_number(fd, "pids.current");
		return;
	}
	int memory = tree(cg, "memory"), cpuacct = tree(cg, "cpuacct");

	out->memory = cgfile_number(memory, "memory.usage_in_bytes");
	out->memory_peak = cgfile_number(memory, "memory.max_usage_in_bytes");
	out->cpu_us =
		cgfile_number(cpuacct < 0 ? tree(cg, "cpu") : cpuacct, "cpuacct.usage") / 1000;
	out->pids = (uint32_t)cgfile_number(tree(cg, "pids"), "pids.current");
}

void cgroup_hits(const struct cgroup *cg, struct cgroup_hits *out)
{
	memset(out, 0, sizeof(*out));
	if (!cg->n)
		return;
	out->oom_kills = cgfile_key(tree(cg, "memory"),
				    cg->v2 ? "memory.events" : "memory.oom_control", "oom_kill");
	out->pids_refused = cgfile_key(tree(cg, "pids"), "pids.events", "max");
}

void cgroup_kill_session(const struct cgroup *cg, pid_t session, int wait_ms)
{
	int64_t until = clock_ms() + wait_ms;

	if (!cg->n || session <= 1)
		return;
	while (cgfile_signal(cg->trees[0].dirfd, session, SIGKILL) && clock_ms() < until)
		clock_sleep_ms(2);
}

void cgroup_kill(const struct cgroup *cg, int wait_ms)
{
	int64_t until = clock_ms() + wait_ms;

	if (!cg->n)
		return;
	/* version 1 cannot kill a group at once; the pids controller keeps the list short */
	if (cg->v2)
		cgfile_write(cg->trees[0].dirfd, "cgroup.kill", "1");
	while (cgfile_signal(cg->trees[0].dirfd, 0, SIGKILL) && clock_ms() < until)
		clock_sleep_ms(2);
}

int cgroup_remove(const char *id, struct error *err)
{
	int64_t until = clock_ms() + 2000;
	int failed = 0;

	for (unsigned i = 0; i < found.n; i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", found.trees[i].path, id);

		while (rmdir(path) < 0 && errno != ENOENT) {
			if (errno != EBUSY || clock_ms() >= until) {
				failed = error_set(err, ERROR_SYSTEM, errno, "remove cgroup '%s'",
						   path);
				break;
			}
			clock_sleep_ms(1);
		}
	}
	_cleanup_free_ char *low =
		found.v2 ? xasprintf("%s/memory.low", found.trees[0].path) : NULL;
	if (low && cgfile_number(AT_FDCWD, low))
		v2_reserve();
	return failed;
}
