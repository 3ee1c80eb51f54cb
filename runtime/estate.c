/* SPDX-License-Identifier: MIT */
#include "runtime/estate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "instance/number.h"
#include "runtime/cgroup.h"
#include "runtime/network.h"
#include "runtime/nft.h"
#include "runtime/veth.h"

/* Its folder beside ours in tree I; the caller frees it. */
static char *group_path(unsigned i, unsigned number)
{
	const char *own = cgroup_root(i), *slash = strrchr(own, '/');
	return xasprintf("%.*s/berth-%u", slash ? (int)(slash - own) : 0, own, number);
}

/* The groups in PATH, itself last. */
static void list_groups(const char *path, struct strvec *out)
{
	DIR *dir = opendir(path);
	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));)
		if (e->d_type == DT_DIR && strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0) {
			_cleanup_free_ char *below = xasprintf("%s/%s", path, e->d_name);
			list_groups(below, out);
		}
	closedir(dir);
	strvec_push(out, path);
}

/* What cannot be read counts as in use. */
static bool has_processes(const struct strvec *groups)
{
	for (size_t i = 0; i < groups->n; i++) {
		_cleanup_free_ char *path = xasprintf("%s/cgroup.procs", groups->v[i]);
		_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
		char byte;
		if (fd < 0 || read(fd, &byte, 1) != 0)
			return true;
	}
	return false;
}

static int remove_groups(const struct strvec *groups, bool dry, struct strvec *out,
			 struct error *err)
{
	for (size_t i = 0; i < groups->n; i++) {
		if (!dry && rmdir(groups->v[i]) < 0 && errno != ENOENT)
			return error_set(err, ERROR_SYSTEM, errno, "remove cgroup '%s'",
					 groups->v[i]);
		strvec_pushf(out, "cgroup %s of an instance that is gone", groups->v[i]);
	}
	return 0;
}

static int remove_links(unsigned number, bool dry, struct strvec *out, struct error *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	if (veth_list(number, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		/* with its other end, which may have been one of them too */
		if (!dry && veth_delete(names.v[i], err) < 0)
			return -1;
		strvec_pushf(out, "interface %s of an instance that is gone", names.v[i]);
	}
	return 0;
}

static int remove_table(unsigned number, bool dry, struct strvec *out, struct error *err)
{
	struct instance gone = {.number = number};
	if (!dry && network_destroy(&gone, err) < 0)
		return -1;
	strvec_pushf(out, "table berth-%u of an instance that is gone", number);
	return 0;
}

static int settle(unsigned number, bool has_table, bool dry, struct strvec *out, struct error *err)
{
	_cleanup_strvec_ struct strvec groups = STRVEC_INIT;
	for (unsigned i = 0; *cgroup_root(i); i++) {
		_cleanup_free_ char *path = group_path(i, number);
		list_groups(path, &groups);
	}
	if (has_processes(&groups))
		return 0;
	if (remove_groups(&groups, dry, out, err) < 0 || remove_links(number, dry, out, err) < 0)
		return -1;
	return has_table ? remove_table(number, dry, out, err) : 0;
}

int estate_cleanup(const struct instance *inst, bool dry, struct strvec *out, struct error *err)
{
	_cleanup_close_ int lock = -1;
	_cleanup_strvec_ struct strvec tables = STRVEC_INIT;
	int result = 0;
	/* nobody gets a number while what was left of it goes */
	if (number_lock(&lock, err) < 0)
		return -1;
	number_tables(&tables);
	for (unsigned n = 0; n < INSTANCE_NUMBERS; n++) {
		_cleanup_free_ char *table = xasprintf("berth-%u", n);
		if (n != inst->number && number_is_gone(n) &&
		    settle(n, strvec_has(&tables, table), dry, out, result ? NULL : err) < 0)
			result = -1;
	}
	return result;
}
