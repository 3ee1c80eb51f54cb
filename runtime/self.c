/* SPDX-License-Identifier: MIT */
#include "runtime/self.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"

int self_protect(char **argv, struct error *err)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	struct statfs fs;

	if (statfs("/proc/self/exe", &fs) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "look at '/proc/self/exe'");
	if (fs.f_flags & ST_RDONLY)
		return 0;
	_cleanup_close_ int fd =
		open_tree(AT_FDCWD, "/proc/self/exe", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "mount '/proc/self/exe' read-only");
	execveat(fd, "", argv, environ, AT_EMPTY_PATH);
	return error_set(err, ERROR_SYSTEM, errno, "execute '/proc/self/exe' again");
}
