/* SPDX-License-Identifier: MIT */
#include "router/router.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"

static void close_folder(DIR **d)
{
	if (*d)
		closedir(*d);
}

/*
 * nginx notices within open_log_file_cache's `valid` (2 s) that the name is another file and opens
 * it anew; until then it writes on into the renamed one, so no line is lost and no signal needed.
 */
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
		_cleanup_free_ char *older = xasprintf("%s.1", entry->d_name);
		if (renameat(dirfd(folder), entry->d_name, dirfd(folder), older) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "rotate '%s/%s'", path,
					 entry->d_name);
	}
	return 0;
}
