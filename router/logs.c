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

/*
 * nginx looks again at most 2 s later (open_log_file_cache), sees another file at the name and
 * opens it; until then it writes on into the old one. The name must always exist, or the line for
 * which nginx looks is lost: so the old file gets a second name, and then a new one takes the
 * first.
 */
static int rotate(const struct instance *inst, int folder, const char *name, struct error *err)
{
	_cleanup_free_ char *older = xasprintf("%s.1", name);
	_cleanup_free_ char *newer = xasprintf("%s.new", name);
	_cleanup_close_ int fd = -1;

	if (unlinkat(folder, older, 0) < 0 && errno != ENOENT)
		return error_set(err, ERROR_SYSTEM, errno, "remove '%s'", older);
	fd = openat(folder, newer, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0 || (geteuid() == 0 && fchown(fd, inst->uid, inst->gid) < 0))
		return error_set(err, ERROR_SYSTEM, errno, "make '%s'", newer);
	if (linkat(folder, name, folder, older, 0) < 0 || renameat(folder, newer, folder, name) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "rotate '%s'", name);
	return 0;
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
		if (rotate(inst, dirfd(folder), entry->d_name, err) < 0)
			return error_wrap(err, "router logs in '%s'", path);
	}
	return 0;
}
