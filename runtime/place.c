/* SPDX-License-Identifier: MIT */
#include "runtime/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

int place_lookup(int root, const char *path, uint64_t flags, uint64_t resolve)
{
	return file_resolve(root, path, flags, 0, resolve);
}

int place_open(int root, const char *dest, bool file, uid_t owner, int *out_fd, struct error *err)
{
	char path[1100];
	uint64_t in_root = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
	int fd = place_lookup(root, dest, O_PATH | (file ? 0 : O_DIRECTORY), in_root);
	size_t len = strlen(dest);

	for (size_t i = 1; fd < 0 && errno == ENOENT && i <= len; i++) {
		if (dest[i] != '/' && dest[i] != '\0')
			continue;
		bool last = dest[i] == '\0';
		const char *name;
		size_t parent_len;

		snprintf(path, sizeof(path), "%.*s", (int)i, dest);
		name = strrchr(path, '/') + 1;
		parent_len = (size_t)(name - path);
		_cleanup_close_ int seen = place_lookup(root, path, O_PATH, in_root);
		if (seen < 0 && errno == ENOENT) {
			char parent[1100];

			snprintf(parent, sizeof(parent), "%.*s", (int)parent_len, path);
			_cleanup_close_ int dir =
				place_lookup(root, parent, O_PATH | O_DIRECTORY, in_root);
			if (dir < 0)
				break;
			/* a link to nowhere (/etc/resolv.conf often is one) gives way */
			if (faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
				unlinkat(dir, name, 0);
			int made = last && file ? mknodat(dir, name, S_IFREG | 0644, 0)
						: mkdirat(dir, name, 0755);
			if (made < 0 || fchownat(dir, name, owner, owner, AT_SYMLINK_NOFOLLOW) < 0)
				break;
		}
		if (last)
			fd = place_lookup(root, dest, O_PATH | (file ? 0 : O_DIRECTORY), in_root);
		else
			errno = ENOENT;
	}
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make the mount point '%s'", dest);
	*out_fd = fd;
	return 0;
}

int place_mount(int mount, int root, const char *dest, bool file, uid_t owner, struct error *err)
{
	_cleanup_close_ int at = -1;

	if (place_open(root, dest, file, owner, &at, err) < 0)
		return -1;
	if (move_mount(mount, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "mount on '%s'", dest);
	return 0;
}
