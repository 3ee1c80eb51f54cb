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
#include "control/leftover.h"
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
#define KEPT_INIT                                                                                  \
	{                                                                                          \
		STRVEC_INIT, STRVEC_INIT, STRVEC_INIT, STRVEC_INIT                                 \
	}

/* The newest images of each app, by the last release that had them (a release that scales or
 * configures has its predecessor's), and always the current one. */
static int load_kept(struct context *c, struct kept *k, struct error *err)
{
	_cleanup_stmt_ sqlite3_stmt *stmt = NULL;
	unsigned long long keep;
	if (instance_setting_u64(c->inst, "releases", "keep", 1, 1000, KEEP, &keep, err) < 0 ||
	    db_query(&c->db, &stmt, err,
		     "WITH good AS (SELECT app, image, tree, version FROM releases"
		     " WHERE image IS NOT NULL AND status <> 'failed'),"
		     " ranked AS (SELECT app, image, row_number() OVER"
		     " (PARTITION BY app ORDER BY max(version) DESC) AS place FROM good"
		     " GROUP BY app, image)"
		     " SELECT DISTINCT g.image, g.tree FROM good g"
		     " JOIN ranked k ON k.app = g.app AND k.image = g.image"
		     " JOIN apps a ON a.id = g.app WHERE k.place <= ? OR g.version = a.release",
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

/* One pass: what it removes, or with `dry` would remove, is named in `out`. */
struct pass {
	struct context *c;
	const struct kept *k;
	bool dry;
	struct strvec *out;
};

static void pass_images(struct pass *p)
{
	_cleanup_free_ char *folder = instance_lib(p->c->inst, "images");
	DIR *dir = opendir(folder);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		size_t len = strlen(e->d_name);
		if (len < 6 || strcmp(e->d_name + len - 5, ".json") != 0)
			continue;
		_cleanup_free_ char *id = xstrndup(e->d_name, len - 5);
		if (!strvec_has(&p->k->images, id) &&
		    (p->dry || unlinkat(dirfd(dir), e->d_name, 0) == 0))
			strvec_pushf(p->out, "image %s of no release", id);
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

/* What is in use is refused, and is for the next time. */
static int pass_layers(struct pass *p, struct error *err)
{
	_cleanup_strvec_ struct strvec layers = STRVEC_INIT;
	if (runtime_layer_list(p->c->inst, &layers, err) < 0)
		return -1;
	for (size_t i = 0; i < layers.n; i++) {
		struct error busy = ERROR_INIT;
		if (is_own(layers.v[i]) && !strvec_has(&p->k->layers, layers.v[i]) &&
		    (p->dry ? runtime_layer_check_idle
			    : runtime_layer_remove)(p->c->inst, layers.v[i], &busy) == 0)
			strvec_pushf(p->out, "layer %s of no image", layers.v[i]);
	}
	return 0;
}

static int pass_trees(struct pass *p, struct error *err)
{
	_cleanup_strvec_ struct strvec trees = STRVEC_INIT;
	if (export_list(p->c->inst, &trees, err) < 0)
		return -1;
	for (size_t i = 0; i < trees.n; i++) {
		struct error busy = ERROR_INIT;
		if (!strvec_has(&p->k->trees, trees.v[i]) &&
		    (p->dry ? export_check_idle : export_remove)(p->c->inst, trees.v[i], &busy) ==
			    0)
			strvec_pushf(p->out, "source %s of no release", trees.v[i]);
	}
	return 0;
}

static int load_all(struct context *c, struct kept *k, struct error *err)
{
	/* with the builds held off, an address that no app is built from is nobody's */
	return load_kept(c, k, err) < 0 || load_layers(c, k, err) < 0 ||
			       packlist_all(&c->db, &k->packs, err) < 0
		       ? -1
		       : 0;
}

static int pass_all(struct pass *p, struct error *err)
{
	pass_images(p);
	return pass_layers(p, err) < 0 || pass_trees(p, err) < 0 ||
			       fetched_collect(p->c->inst, &p->k->packs, p->dry, p->out, err) < 0
		       ? -1
		       : 0;
}

static void release_kept(struct kept *k)
{
	strvec_release(&k->images);
	strvec_release(&k->trees);
	strvec_release(&k->layers);
	strvec_release(&k->packs);
}

int collect_run(struct context *c, struct error *err)
{
	_cleanup_(release_kept) struct kept k = KEPT_INIT;
	_cleanup_strvec_ struct strvec removed = STRVEC_INIT;
	_cleanup_close_ int lock = -1;
	struct error busy = ERROR_INIT;
	if (take(c->inst, LOCK_EX | LOCK_NB, &lock, &busy) < 0) {
		if (busy.code == ERROR_BUSY)
			return 0;
		*err = busy;
		return -1;
	}
	struct pass p = {c, &k, false, &removed};
	return load_all(c, &k, err) < 0 ? -1 : pass_all(&p, err);
}

static int pass_leftovers(struct pass *p, struct error *err)
{
	_cleanup_strvec_ struct strvec caches = STRVEC_INIT;
	for (size_t i = 0; i < p->k->layers.n; i++) {
		const char *cache = str_skip(p->k->layers.v[i], IMAGEKEPT_CACHE);
		if (cache)
			strvec_push(&caches, cache);
	}
	return leftover_remove(p->c, &p->k->trees, &caches, p->dry, p->out, err);
}

int collect_leftovers(struct context *c, bool dry, struct strvec *out, struct error *err)
{
	_cleanup_(release_kept) struct kept k = KEPT_INIT;
	_cleanup_close_ int lock = -1;
	struct error busy = ERROR_INIT;
	if (take(c->inst, LOCK_EX | LOCK_NB, &lock, &busy) < 0) {
		/* a build's unfinished things cannot be told from leftovers; the rest can be named
		 */
		if (busy.code == ERROR_BUSY && dry)
			return runtime_cleanup(c->inst, true, out, err);
		if (busy.code == ERROR_BUSY)
			return error_set(err, ERROR_BUSY, 0, "a build is running: try again later");
		*err = busy;
		return -1;
	}
	struct pass p = {c, &k, dry, out};
	/* in this order what a dry run names is what is removed: what a container of no release
	 * uses is for the next time */
	if (load_all(c, &k, err) < 0 || pass_all(&p, err) < 0 || pass_leftovers(&p, err) < 0)
		return -1;
	return runtime_cleanup(c->inst, dry, out, err);
}
