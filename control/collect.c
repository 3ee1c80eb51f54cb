/* SPDX-License-Identifier: MIT */
#include "control/collect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "buildpacks/fetched.h"
#include "buildpacks/imagebuild.h"
#include "buildpacks/imagekept.h"
#include "control/imagetag.h"
#include "control/packlist.h"
#include "receiver/export.h"
#include "runtime/client.h"
#include "runtime/image.h"

#define KEEP 10

static int take(const struct instance *inst, int mode, int *out_fd, struct error *err)
{
	_cleanup_free_ char *path = instance_run(inst, "locks/collect");
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	while (flock(fd, mode) < 0)
		if (errno != EINTR)
			return error_set(err, errno == EWOULDBLOCK ? ERROR_BUSY : ERROR_SYSTEM,
					 errno, "lock '%s'", path);
	*out_fd = TAKE_FD(fd);
	return 0;
}

int collect_hold(const struct instance *inst, int *out_fd, struct error *err)
{
	return take(inst, LOCK_SH, out_fd, err);
}

/* What must stay. */
struct kept {
	struct strvec images, trees, layers, packs;
};

/* The newest releases that have an image, and always the current one. */
static int load_kept(struct context *c, struct kept *k, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	unsigned long long keep;
	if (instance_setting_u64(c->inst, "releases", "keep", 1, 1000, KEEP, &keep, err) < 0 ||
	    db_query(&c->db, &stmt, err,
		     "SELECT image, tree FROM (SELECT r.*, a.release AS current, row_number() OVER"
		     " (PARTITION BY r.app ORDER BY r.version DESC) AS place FROM releases r"
		     " JOIN apps a ON a.id = r.app WHERE r.image IS NOT NULL"
		     " AND r.status <> 'failed') WHERE place <= ? OR version = current",
		     "i", (int64_t)keep) < 0)
		return -1;
	int got;
	while ((got = db_next(&c->db, stmt, err)) > 0) {
		if (!strvec_has(&k->images, db_text(stmt, 0)))
			strvec_push(&k->images, db_text(stmt, 0));
		strvec_push(&k->trees, db_text(stmt, 1));
	}
	return got < 0 ? -1 : imagetag_ids(&c->db, &k->images, err);
}

static int load_layers(struct context *c, struct kept *k, struct error *err)
{
	if (imagekept_list(c->inst, &k->layers, err) < 0)
		return -1;
	for (size_t i = 0; i < k->images.n; i++) {
		_cleanup_image_ struct image im;
		struct error gone = ERROR_INIT;
		image_init(&im);
		if (image_load(c->inst, k->images.v[i], &im, &gone) < 0) {
			if (gone.code == ERROR_NOT_FOUND)
				continue;
			/* what cannot be read cannot be judged: collect nothing */
			*err = gone;
			return -1;
		}
		for (size_t j = 0; j < im.layers.n; j++) {
			const char *layer = str_skip(im.layers.v[j], "layer/");
			const char *tree = str_skip(im.layers.v[j], "source/");
			if (layer && !strvec_has(&k->layers, layer))
				strvec_push(&k->layers, layer);
			if (tree)
				strvec_push(&k->trees, tree);
		}
		strvec_push_all(&k->packs, im.packs.v);
	}
	return 0;
}

static void remove_images(struct context *c, const struct kept *k)
{
	_cleanup_free_ char *folder = instance_lib(c->inst, "images");
	DIR *dir = opendir(folder);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		size_t len = strlen(e->d_name);
		if (len < 6 || strcmp(e->d_name + len - 5, ".json") != 0)
			continue;
		_cleanup_free_ char *id = xstrndup(e->d_name, len - 5);
		if (!strvec_has(&k->images, id))
			unlinkat(dirfd(dir), e->d_name, 0);
	}
	if (dir)
		closedir(dir);
}

/* Layers of an app's own have these names (buildpacks/), and those that came with images; all
 * others are shared. */
static bool is_own(const char *layer)
{
	return str_starts(layer, "deps-") || str_starts(layer, "app-") ||
	       str_starts(layer, IMAGE_OCI_LAYER) || str_starts(layer, IMAGEBUILD_LAYER);
}

static int remove_rest(struct context *c, const struct kept *k, struct error *err)
{
	_cleanup_strvec_ struct strvec layers = STRVEC_INIT;
	_cleanup_strvec_ struct strvec trees = STRVEC_INIT;
	_cleanup_free_ struct container_status *running = NULL;
	size_t n = 0;
	struct error busy = ERROR_INIT;
	if (runtime_layer_list(c->inst, &layers, err) < 0 ||
	    export_list(c->inst, &trees, err) < 0 ||
	    runtime_list(c->inst, NULL, &running, &n, err) < 0)
		return -1;
	/* a layer that a container uses is refused by berth-runtime */
	for (size_t i = 0; i < layers.n; i++)
		if (is_own(layers.v[i]) && !strvec_has(&k->layers, layers.v[i]))
			runtime_layer_remove(c->inst, layers.v[i], &busy);
	/* an overlay holds on to the files of a tree that is removed below it */
	for (size_t i = 0; i < trees.n; i++)
		if (!strvec_has(&k->trees, trees.v[i]))
			export_remove(c->inst, trees.v[i], &busy);
	return 0;
}

int collect_run(struct context *c, struct error *err)
{
	struct kept k = {STRVEC_INIT, STRVEC_INIT, STRVEC_INIT, STRVEC_INIT};
	_cleanup_close_ int lock = -1;
	struct error busy = ERROR_INIT;
	if (take(c->inst, LOCK_EX | LOCK_NB, &lock, &busy) < 0) {
		if (busy.code == ERROR_BUSY)
			return 0;
		*err = busy;
		return -1;
	}
	int result = load_kept(c, &k, err);
	if (result == 0)
		result = load_layers(c, &k, err);
	if (result == 0) {
		remove_images(c, &k);
		result = remove_rest(c, &k, err);
	}
	/* with the builds held off, an address that no app is built from is nobody's */
	if (result == 0)
		result = packlist_all(&c->db, &k.packs, err);
	if (result == 0)
		result = fetched_collect(c->inst, &k.packs, err);
	strvec_release(&k.images);
	strvec_release(&k.trees);
	strvec_release(&k.layers);
	strvec_release(&k.packs);
	return result;
}

int collect_leftovers(struct context *c, bool dry, struct strvec *out, struct error *err)
{
	_cleanup_close_ int lock = -1;
	if (!dry && take(c->inst, LOCK_EX | LOCK_NB, &lock, err) < 0)
		return err && err->code == ERROR_BUSY
			       ? error_set(err, ERROR_BUSY, 0,
					   "a build is running: try again later")
			       : -1;
	return runtime_cleanup(c->inst, dry, out, err);
}
