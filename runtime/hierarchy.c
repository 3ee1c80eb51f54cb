/* SPDX-License-Identifier: MIT */
#include "runtime/hierarchy.h"

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
#include "base/strvec.h"
#include "runtime/cgfile.h"

#define TOP "/sys/fs/cgroup"
#define EMPTY_WAIT_MS 10000
#define FREEZE_WAIT_MS 10000

bool hierarchy_is_v2(void)
{
	struct statfs fs;

	return statfs(TOP, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* --- where they are mounted ----------------------------------------------------------------- */

struct mounted {
	char name[32]; /* "cpu,cpuacct", "systemd", "" for version 2 */
	char *dir;
};

struct mounts {
	struct mounted v[CGROUP_TREES];
	unsigned n;
};

static void mounts_release(struct mounts *m)
{
	for (unsigned i = 0; i < m->n; i++)
		free(m->v[i].dir);
	m->n = 0;
}

static bool is_mount_option(const char *o)
{
	static const char *const words[] = {
		"rw", "ro", "xattr", "noprefix", "clone_children", "relatime", "release_agent"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (str_starts(o, words[i]) &&
		    (o[strlen(words[i])] == '\0' || o[strlen(words[i])] == '='))
			return true;
	}
	return false;
}

static void add_mounted(struct mounts *m, const char *dir, bool v2, char *options)
{
	struct mounted *t = &m->v[m->n];
	size_t len = 0;

	t->name[0] = '\0';
	for (char *o = v2 ? NULL : strsep(&options, ","); o; o = strsep(&options, ",")) {
		const char *name = str_skip(o, "name=");

		if (is_mount_option(o))
			continue;
		if (!name)
			name = o;
		if (len + strlen(name) + 2 <= sizeof(t->name))
			len += (size_t)snprintf(t->name + len, sizeof(t->name) - len, "%s%s",
						len ? "," : "", name);
	}
	for (unsigned i = 0; i < m->n; i++) {
		if (!strcmp(m->v[i].name, t->name))
			return;
	}
	t->dir = xstrdup(dir);
	m->n++;
}

static int find_mounts(struct mounts *m, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char *rest;

	m->n = 0;
	if (hierarchy_is_v2()) {
		m->v[0] = (struct mounted){"", xstrdup(TOP)};
		m->n = 1;
		return 0;
	}
	if (file_read(AT_FDCWD, "/proc/self/mounts", 4u << 20, &text, err) < 0)
		return -1;
	rest = text.data;
	for (char *line = strsep(&rest, "\n"); line && m->n < CGROUP_TREES;
	     line = strsep(&rest, "\n")) {
		char dir[512], type[32], options[256];

		if (sscanf(line, "%*s %511s %31s %255s", dir, type, options) != 3 ||
		    !str_starts(dir, TOP "/"))
			continue;
		if (!strcmp(type, "cgroup"))
			add_mounted(m, dir, false, options);
		else if (!strcmp(type, "cgroup2"))
			add_mounted(m, dir, true, options);
	}
	if (!m->n)
		return error_set(err, ERROR_UNSUPPORTED, 0,
				 "no cgroup hierarchy is mounted below '%s'", TOP);
	return 0;
}

/* --- making --------------------------------------------------------------------------------- */

/* A new cpuset has nothing, and takes no process before it has something. */
static void inherit_cpuset(int parent, int child)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
	char text[4096];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (cgfile_read(child, files[i], text, sizeof(text)) >= 0 && strlen(text) <= 1 &&
		    cgfile_read(parent, files[i], text, sizeof(text)) >= 0)
			cgfile_write(child, files[i], text);
	}
}

/* Every controller of the parent, one at a time: one that is in use elsewhere must not keep the
 * others off. */
static void enable_controllers(int dir)
{
	char text[512], one[64], *rest = text;

	if (cgfile_read(dir, "cgroup.controllers", text, sizeof(text)) < 0)
		return;
	for (char *c = strsep(&rest, " \n"); c; c = strsep(&rest, " \n")) {
		if (!*c)
			continue;
		snprintf(one, sizeof(one), "+%s", c);
		cgfile_write(dir, "cgroup.subtree_control", one);
	}
}

static int walk(const struct mounted *m, const char *path, bool make, int *out)
{
	_cleanup_close_ int dir = open(m->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *copy = xstrdup(path);
	char *rest = copy;

	for (char *name = strsep(&rest, "/"); dir >= 0 && name; name = strsep(&rest, "/")) {
		if (!*name)
			continue;
		if (make) {
			if (!m->name[0])
				enable_controllers(dir);
			if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
				return -1;
		}
		_cleanup_close_ int next =
			openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return -1;
		if (make && strstr(m->name, "cpuset"))
			inherit_cpuset(dir, next);
		close(dir);
		dir = TAKE_FD(next);
	}
	*out = TAKE_FD(dir);
	return *out < 0 ? -1 : 0;
}

static int check_path(const char *path, struct error *err)
{
	_cleanup_free_ char *slashed = xasprintf("%s/", path);

	if (path[0] != '/' || strstr(slashed, "/../") || strspn(path, "/") == strlen(path))
		return error_set(err, ERROR_INVALID, 0,
				 "cgroup path '%s': expected one like '/a/b', without '..'", path);
	return 0;
}

int hierarchy_open(const char *path, bool make, struct cgroup *out, struct error *err)
{
	_cleanup_(mounts_release) struct mounts m = {.n = 0};
	struct cgroup cg = {.v2 = hierarchy_is_v2()};

	if (check_path(path, err) < 0 || find_mounts(&m, err) < 0)
		return -1;
	for (unsigned i = 0; i < m.n; i++) {
		int fd;

		if (walk(&m.v[i], path, make, &fd) < 0) {
			int saved = errno;

			/* the one beside version 1 may be read-only or full */
			if (!cg.v2 && !m.v[i].name[0])
				continue;
			if (!make && saved == ENOENT)
				continue;
			cgroup_close(&cg);
			return error_set(err, ERROR_SYSTEM, saved, "%s cgroup '%s%s'",
					 make ? "make" : "open", m.v[i].dir, path);
		}
		memcpy(cg.trees[cg.n].name, m.v[i].name, sizeof(cg.trees[0].name));
		cg.trees[cg.n++].dirfd = fd;
	}
	if (!cg.n)
		return error_set(err, ERROR_NOT_FOUND, 0, "cgroup '%s' does not exist", path);
	*out = cg;
	return 0;
}

int hierarchy_folder(const struct cgroup *cg, const char *controller)
{
	for (unsigned i = 0; i < cg->n; i++) {
		_cleanup_free_ char *copy = xstrdup(cg->trees[i].name);
		char *rest = copy;

		if (cg->v2 && cg->n == 1)
			return cg->trees[i].dirfd;
		for (char *name = strsep(&rest, ","); name; name = strsep(&rest, ",")) {
			if (!strcmp(name, controller))
				return cg->trees[i].dirfd;
		}
	}
	return -1;
}

int hierarchy_write(const struct cgroup *cg, const struct hierarchy_write *w, struct error *err)
{
	int dir = hierarchy_folder(cg, w->controller);

	if (dir < 0) {
		if (w->optional)
			return 0;
		return error_set(err, ERROR_UNSUPPORTED, 0,
				 "set '%s': cgroup controller '%s' is not mounted", w->file,
				 w->controller);
	}
	if (cgfile_write(dir, w->file, w->value) < 0 && !(w->optional && errno == ENOENT))
		return error_set(err, ERROR_SYSTEM, errno, "write '%s' to '%s' of the cgroup",
				 w->value, w->file);
	return 0;
}

uint64_t hierarchy_number(const struct cgroup *cg, const char *controller, const char *file)
{
	int dir = hierarchy_folder(cg, controller);
	char text[64];

	if (dir < 0 || cgfile_read(dir, file, text, sizeof(text)) < 0)
		return 0;
	return str_starts(text, "max") ? UINT64_MAX : strtoull(text, NULL, 10);
}

/* --- processes ------------------------------------------------------------------------------ */

/* Calls VISIT for the group DIR and those below it. */
static void each_group(int dir, void (*visit)(int dir, void *data), void *data)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);

	visit(dir, data);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		_cleanup_close_ int below =
			openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (below >= 0)
			each_group(below, visit, data);
	}
	if (d)
		closedir(d);
}

static void add_pids(int dir, void *data)
{
	_cleanup_close_ int procs = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);

	if (procs >= 0)
		strbuf_read_fd(data, procs, NULL);
}

struct signalled {
	int sig;
	size_t n;
};

static void signal_group(int dir, void *data)
{
	struct signalled *s = data;

	s->n += cgfile_signal(dir, 0, s->sig);
}

static int main_folder(const struct cgroup *cg)
{
	static const char *const best[] = {"pids", "memory", "devices", "systemd"};

	for (size_t i = 0; i < ARRAY_SIZE(best); i++) {
		int dir = hierarchy_folder(cg, best[i]);

		if (dir >= 0)
			return dir;
	}
	return cg->trees[0].dirfd;
}

int hierarchy_pids(const struct cgroup *cg, struct strbuf *out, struct error *err)
{
	(void)err;
	each_group(main_folder(cg), add_pids, out);
	return 0;
}

void hierarchy_signal(const struct cgroup *cg, int sig)
{
	struct signalled s = {sig, 0};

	each_group(main_folder(cg), signal_group, &s);
}

/* Whether there was anything. */
static bool kill_all(const struct cgroup *cg)
{
	struct signalled s = {SIGKILL, 0};

	for (unsigned i = 0; i < cg->n; i++) {
		if (!cg->trees[i].name[0])
			cgfile_write(cg->trees[i].dirfd, "cgroup.kill", "1");
		each_group(cg->trees[i].dirfd, signal_group, &s);
	}
	return s.n > 0;
}

/* Removes the groups below DIR; they are empty. */
static void remove_below(int dir)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);

	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		_cleanup_close_ int below =
			openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (below >= 0)
			remove_below(below);
		unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	}
	if (d)
		closedir(d);
}

int hierarchy_remove(const char *path, struct error *err)
{
	_cleanup_(mounts_release) struct mounts m = {.n = 0};
	int64_t until = clock_ms() + EMPTY_WAIT_MS;
	struct cgroup cg;
	int failed = 0;

	if (hierarchy_open(path, false, &cg, NULL) < 0)
		return 0;
	/* what is frozen does not die */
	hierarchy_freeze(&cg, false, NULL);
	while (kill_all(&cg) && clock_ms() < until)
		clock_sleep_ms(2);
	for (unsigned i = 0; i < cg.n; i++)
		remove_below(cg.trees[i].dirfd);
	cgroup_close(&cg);
	if (find_mounts(&m, err) < 0)
		return -1;
	for (unsigned i = 0; i < m.n; i++) {
		_cleanup_free_ char *dir = xasprintf("%s%s", m.v[i].dir, path);

		while (rmdir(dir) < 0 && errno != ENOENT) {
			if (errno != EBUSY || clock_ms() >= until) {
				failed = error_set(err, ERROR_SYSTEM, errno, "remove cgroup '%s'",
						   dir);
				break;
			}
			clock_sleep_ms(1);
		}
		/* the folder that this program made for all of its own goes with the last of them
		 */
		if (str_starts(path, HIERARCHY_OWN)) {
			_cleanup_free_ char *own = xasprintf("%s%.*s", m.v[i].dir,
							     (int)strlen(HIERARCHY_OWN) - 1, path);

			rmdir(own);
		}
	}
	return failed;
}

/* --- freezing ------------------------------------------------------------------------------- */

static bool v2_is_frozen(int dir)
{
	char text[256];

	return cgfile_read(dir, "cgroup.events", text, sizeof(text)) >= 0 &&
	       strstr(text, "frozen 1") != NULL;
}

bool hierarchy_is_frozen(const struct cgroup *cg)
{
	char text[64];
	int dir;

	if (cg->v2)
		return cg->n && v2_is_frozen(cg->trees[0].dirfd);
	dir = hierarchy_folder(cg, "freezer");
	return dir >= 0 && cgfile_read(dir, "freezer.state", text, sizeof(text)) >= 0 &&
	       !str_starts(text, "THAWED");
}

bool hierarchy_path_is_frozen(const char *path)
{
	_cleanup_(mounts_release) struct mounts m = {.n = 0};
	struct cgroup cg = {.v2 = hierarchy_is_v2(), .n = 1};
	bool frozen = false;

	if (find_mounts(&m, NULL) < 0)
		return false;
	for (unsigned i = 0; i < m.n && !frozen; i++) {
		if (!cg.v2 && strcmp(m.v[i].name, "freezer") != 0)
			continue;
		if (walk(&m.v[i], path, false, &cg.trees[0].dirfd) < 0)
			continue;
		memcpy(cg.trees[0].name, m.v[i].name, sizeof(cg.trees[0].name));
		frozen = hierarchy_is_frozen(&cg);
		close(cg.trees[0].dirfd);
	}
	return frozen;
}

int hierarchy_freeze(const struct cgroup *cg, bool freeze, struct error *err)
{
	int dir = cg->v2 ? cg->trees[0].dirfd : hierarchy_folder(cg, "freezer");
	int64_t until = clock_ms() + FREEZE_WAIT_MS;
	char text[64];

	if (dir < 0)
		return error_set(err, ERROR_UNSUPPORTED, 0,
				 "cgroup controller 'freezer' is not mounted");
	for (;;) {
		int failed =
			cg->v2 ? cgfile_write(dir, "cgroup.freeze", freeze ? "1" : "0")
			       : cgfile_write(dir, "freezer.state", freeze ? "FROZEN" : "THAWED");

		if (failed)
			return error_set(err, ERROR_SYSTEM, errno, "%s the cgroup",
					 freeze ? "freeze" : "thaw");
		if (cg->v2 ? v2_is_frozen(dir) == freeze
			   : cgfile_read(dir, "freezer.state", text, sizeof(text)) >= 0 &&
				     str_starts(text, freeze ? "FROZEN" : "THAWED"))
			return 0;
		if (clock_ms() >= until)
			return error_set(err, ERROR_TIMEOUT, 0, "%s the cgroup: not within %d s",
					 freeze ? "freeze" : "thaw", FREEZE_WAIT_MS / 1000);
		clock_sleep_ms(2);
	}
}
