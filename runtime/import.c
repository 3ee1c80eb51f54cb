/* SPDX-License-Identifier: MIT */
#include "runtime/import.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "runtime/cell.h"
#include "runtime/inherit.h"
#include "runtime/layer.h"
#include "runtime/unpack.h"

/* A layer in the making, and those below it, topmost first. */
struct making {
	struct inherit_layer upper;
	const struct inherit_layer *below;
	size_t n_below;
	bool implied; /* it has folders that are as in the layers below */
};

/* The one attribute that the cell cannot set. Its words are a tenant's: the folder is looked up
 * below the layer, through no link. */
static int mark_opaque(int tree, const char *folder, struct error *err)
{
	_cleanup_close_ int fd =
		file_open_beneath(tree, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, true, err);
	if (fd < 0)
		return -1;
	if (fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "mark '%s' as opaque", folder);
	return 0;
}

static int heard(const char *what, void *data, struct error *err)
{
	struct making *m = data;

	if (*what == UNPACK_OPAQUE)
		return mark_opaque(m->upper.fd, what + 1, err);
	if (*what != UNPACK_IMPLIED)
		return error_set(err, ERROR_INVALID, 0, "the confined process said '%.20s'", what);
	m->implied = true;
	return inherit_folder(&m->upper, m->below, m->n_below, what + 1, err);
}

static int unpack_into(struct making *m, int archive, enum unpack_kind kind, struct error *err)
{
	uid_t base = m->upper.base;
	struct cell cell = {.work = kind == UNPACK_LAYER ? "unpack-layer" : "unpack-root",
			    .tree = m->upper.fd,
			    .uid = base,
			    .gid = base,
			    .count = INSTANCE_RANGE_SIZE,
			    .fd = archive,
			    .heard = heard,
			    .data = m};
	return cell_run(&cell, err);
}

int import_into(const struct instance *inst, unsigned range, int tree, int fd, struct error *err)
{
	struct making m = {.upper = {tree, instance_range_base(inst, range)}};

	return unpack_into(&m, fd, UNPACK_ROOT, err);
}

static int give_up(const struct instance *inst, const char *id, struct error *err)
{
	layer_discard(inst, id, NULL);
	return error_wrap(err, "import layer '%s'", id);
}

/* M has the layers below; its own folder comes of this. */
static int import(const struct instance *inst, const char *id, unsigned range, int fd,
		  enum unpack_kind kind, struct making *m, int *out_tree, struct error *err)
{
	_cleanup_close_ int tree = -1, work = -1;
	if (layer_create_upper(inst, id, range, &tree, &work, err) < 0)
		return -1;
	work = close_fd(work);
	m->upper = (struct inherit_layer){tree, instance_range_base(inst, range)};
	if (unpack_into(m, fd, kind, err) < 0) {
		tree = close_fd(tree); /* with it the lock */
		return give_up(inst, id, err);
	}
	*out_tree = TAKE_FD(tree);
	return 0;
}

int import_tar(const struct instance *inst, const char *id, unsigned range, int fd,
	       struct error *err)
{
	struct making m = {0};
	int tree;
	if (import(inst, id, range, fd, UNPACK_ROOT, &m, &tree, err) < 0)
		return -1;
	close(tree);
	return layer_commit(inst, id, err) < 0 ? give_up(inst, id, err) : 0;
}

int import_layer(const struct instance *inst, const char *id, unsigned range, int fd,
		 const struct strvec *below, int *out_tree, bool *out_implied, struct error *err)
{
	struct inherit_layer *layers = xcalloc(below->n + 1, sizeof(*layers));
	struct making m = {.below = layers};
	int result = 0;
	for (size_t i = 0; result == 0 && i < below->n; i++) {
		result =
			layer_open_unpacked(inst, below->v[i], &layers[i].fd, &layers[i].base, err);
		m.n_below += result == 0;
	}
	if (result == 0)
		result = import(inst, id, range, fd, UNPACK_LAYER, &m, out_tree, err);
	for (size_t i = 0; i < m.n_below; i++)
		close(layers[i].fd);
	free(layers);
	if (result == 0)
		*out_implied = m.implied;
	return result;
}
