/* SPDX-License-Identifier: MIT */
#include "buildpacks/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "base/file.h"

bool cache_is_empty(const struct instance *inst, const char *id)
{
	_cleanup_free_ char *path = instance_lib(inst, "cache/%s", id);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	unsigned entries = 0;

	if (!dir) {
		bool missing = fd < 0 && errno == ENOENT;
		close_fd(fd);
		return missing;
	}
	errno = 0;
	/* "." and ".." */
	while (entries <= 2 && readdir(dir))
		entries++;
	bool whole = errno == 0;
	closedir(dir);
	return whole && entries <= 2;
}
