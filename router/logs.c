/* SPDX-License-Identifier: MIT */
#include "router/router.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static void close_folder(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* The router opens a file anew for each write (lua/log.lua): the name is free for a new one. */
static int rotate(int folder, const char *name, struct error *err)
{
	_cleanup_free_ char *older = xasprintf("%s.1", name);

	return renameat(folder, name, folder, older) < 0
		       ? error_set(err, ERROR_SYSTEM, errno, "rotate '%s'", name)
		       : 0;
}

int router_rotate_logs(const struct instance *inst, uint64_t max_bytes, struct error *err)
{
	_cleanup_free_ char *path = instance_lib(inst, "router/logs");
	_cleanup_(close_folder) DIR *folder = opendir(path);
	struct dirent *entry;

	if (!folder)
		return errno == ENOENT ? 0 : error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	while ((entry = readdir(folder))) {
		size_t len = strlen(entry->d_name);
		struct stat st;
		if (len < 5 || !str_equal(entry->d_name + len - 4, ".log") ||
		    fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(st.st_mode) || (uint64_t)st.st_size <= max_bytes)
			continue;
		if (rotate(dirfd(folder), entry->d_name, err) < 0)
			return error_wrap(err, "router logs in '%s'", path);
	}
	return 0;
}
