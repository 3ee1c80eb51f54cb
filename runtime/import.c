/* SPDX-License-Identifier: MIT */
#include "runtime/import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "runtime/cell.h"
#include "runtime/layer.h"
#include "runtime/unpack.h"

/* The one attribute that the cell cannot set. Its words are a tenant's: the folder is looked up
 * below the layer, through no link. */
static int mark_opaque(const char *folder, void *data, struct error *err)
{
	const int *tree = data;
	_cleanup_close_ int fd =
		file_open_beneath(*tree, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, true, err);
	if (fd < 0)
		return -1;
	if (fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "mark '%s' as opaque", folder);
	return 0;
}

static int unpack_into(uid_t base, int tree, int archive, enum unpack_kind kind, struct error *err)
{
	struct cell cell = {.work = kind == UNPACK_LAYER ? "unpack-layer" : "unpack-root",
			    .tree = tree,
			    .uid = base,
			    .gid = base,
			    .count = INSTANCE_RANGE_SIZE,
			    .fd = archive,
			    .heard = mark_opaque,
			    .data = &tree};
	return cell_run(&cell, err);
}

int import_into(const struct instance *inst, unsigned range, int tree, int fd, struct error *err)
{
	return unpack_into(instance_range_base(inst, range), tree, fd, UNPACK_ROOT, err);
}

static int give_up(const struct instance *inst, const char *id, struct error *err)
{
	layer_discard(inst, id, NULL);
	return error_wrap(err, "import layer '%s'", id);
}

static int import(const struct instance *inst, const char *id, unsigned range, int fd,
		  enum unpack_kind kind, int *out_tree, struct error *err)
{
	_cleanup_close_ int tree = -1, work = -1;
	if (layer_create_upper(inst, id, range, &tree, &work, err) < 0)
		return -1;
	work = close_fd(work);
	if (unpack_into(instance_range_base(inst, range), tree, fd, kind, err) < 0) {
		tree = close_fd(tree); /* with it the lock */
		return give_up(inst, id, err);
	}
	*out_tree = TAKE_FD(tree);
	return 0;
}

int import_tar(const struct instance *inst, const char *id, unsigned range, int fd,
	       struct error *err)
{
	int tree;
	if (import(inst, id, range, fd, UNPACK_ROOT, &tree, err) < 0)
		return -1;
	close(tree);
	return layer_commit(inst, id, err) < 0 ? give_up(inst, id, err) : 0;
}

int import_layer(const struct instance *inst, const char *id, unsigned range, int fd, int *out_tree,
		 struct error *err)
{
	return import(inst, id, range, fd, UNPACK_LAYER, out_tree, err);
}
