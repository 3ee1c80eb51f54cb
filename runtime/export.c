/* SPDX-License-Identifier: MIT */
#include "runtime/export.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "base/strvec.h"
#include "runtime/cell.h"
#include "runtime/layer.h"
#include "runtime/pack.h"

#define MAX_HIDING 100000u

/* Takes FD over. */
static int find_hiding(int fd, const char *path, unsigned depth, struct strvec *out,
		       struct error *err)
{
	DIR *dir = fdopendir(fd);
	int result = 0;

	if (!dir) {
		error_set(err, ERROR_SYSTEM, errno, "read '%s'", path);
		close(fd);
		return -1;
	}
	if (layer_is_opaque(fd))
		strvec_push(out, path);
	for (struct dirent *e; result == 0 && (e = readdir(dir));) {
		if (e->d_type != DT_DIR || !strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		_cleanup_free_ char *sub = xasprintf("%s%s%s", path, *path ? "/" : "", e->d_name);
		int next = depth < PACK_MAX_DEPTH && out->n < MAX_HIDING
				   ? openat(fd, e->d_name,
					    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
				   : -1;
		if (next < 0)
			result = error_set(err, ERROR_INVALID, errno, "read folder '%.200s'", sub);
		else
			result = find_hiding(next, sub, depth + 1, out, err);
	}
	closedir(dir);
	return result;
}

int export_layer(const struct instance *inst, const char *ref, int fd, struct error *err)
{
	_cleanup_strvec_ struct strvec hiding = STRVEC_INIT;
	_cleanup_close_ int tree = -1;
	uid_t base;
	uint32_t count;

	if (layer_open(inst, ref, &tree, &base, &count, err) < 0)
		return -1;
	bool source = count == 1;
	struct cell cell = {.work = "pack",
			    .tree = tree,
			    .inside = source ? INSTANCE_APP_UID : 0,
			    .uid = base,
			    .gid = source ? inst->gid : base,
			    .count = count,
			    .fd = fd,
			    .told = &hiding};
	int walk = fcntl(tree, F_DUPFD_CLOEXEC, 3);
	int result = walk < 0 ? error_set(err, ERROR_SYSTEM, errno, "open the layer")
			      : find_hiding(walk, "", 0, &hiding, err);
	if (result == 0)
		result = cell_run(&cell, err);
	return result < 0 ? error_wrap(err, "pack '%s'", ref) : 0;
}
