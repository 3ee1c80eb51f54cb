/* SPDX-License-Identifier: MIT */
#include "runtime/inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/attribute.h"
#include "base/cleanup.h"
#include "base/strbuf.h"
#include "runtime/layer.h"

/* Opens FOLDER of the tree FD, whose names a cell said: -1 when it is not there. *OUT_HIDES: no
 * layer below shows any of it, because something here replaces it or what it is in. */
static int walk(int fd, const char *folder, bool *out_hides)
{
	_cleanup_close_ int at = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*out_hides = at < 0 || layer_is_opaque(at);
	while (at >= 0 && *folder) {
		char name[NAME_MAX + 1];
		size_t len = strcspn(folder, "/");
		if (len == 0 || len > NAME_MAX || (len == 2 && !strncmp(folder, "..", 2)))
			return -1;
		memcpy(name, folder, len);
		name[len] = '\0';
		folder += len + (folder[len] == '/');
		int next = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			*out_hides |= errno != ENOENT;
		else
			*out_hides |= layer_is_opaque(next);
		close(at);
		at = next;
	}
	return TAKE_FD(at);
}

static void copy_attributes(int from, int to)
{
	char names[4096], value[4096];
	ssize_t n = flistxattr(from, names, sizeof(names));

	for (const char *p = names; n > 0 && p < names + n; p += strlen(p) + 1) {
		ssize_t size = attribute_is_kept(p) ? fgetxattr(from, p, value, sizeof(value)) : -1;
		if (size >= 0)
			(void)!fsetxattr(to, p, value, (size_t)size, 0);
	}
}

static bool in_range(unsigned id, uid_t base)
{
	return id >= base && id - base < INSTANCE_RANGE_SIZE;
}

static int take(int from, uid_t from_base, int to, uid_t to_base, const char *folder,
		struct error *err)
{
	struct stat st;

	if (fstat(from, &st) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "look at '%s' of a layer", folder);
	if (!in_range(st.st_uid, from_base) || !in_range(st.st_gid, from_base))
		return 0;
	if (fchown(to, st.st_uid - from_base + to_base, st.st_gid - from_base + to_base) < 0 ||
	    fchmod(to, st.st_mode & 07777) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "own '%s' of a layer", folder);
	copy_attributes(from, to);
	return 0;
}

int inherit_folder(const struct inherit_layer *upper, const struct inherit_layer *lower, size_t n,
		   const char *folder, struct error *err)
{
	bool hides;
	_cleanup_close_ int to = walk(upper->fd, folder, &hides);

	for (size_t i = 0; to >= 0 && !hides && i < n; i++) {
		_cleanup_close_ int from = walk(lower[i].fd, folder, &hides);
		if (from >= 0)
			return take(from, lower[i].base, to, upper->base, folder, err);
	}
	return 0;
}
