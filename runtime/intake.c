/* SPDX-License-Identifier: MIT */
#include "runtime/intake.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/client.h"
#include "runtime/digest.h"
#include "runtime/feeder.h"
#include "runtime/ocidoc.h"

#define BLOCK (256u << 10)
#define MAX_NESTING 2 /* an index may name indexes */

/* A layer as a manifest names it. */
struct layer {
	char *file;                /* in the parcel */
	char digest[DIGEST_SIZE];  /* of the file; "" when nothing says it */
	uint64_t size;             /* of the file; 0 when nothing says it */
	char diff_id[DIGEST_SIZE]; /* of the tar in it */
	char *id;                  /* as a layer of Berth's */
	char *implied_id;          /* the same, when it has folders as in the layers below */
	int pending;               /* unpacked, not committed: runtime_layer_settle; otherwise -1 */
};

struct plan {
	struct layer *layers; /* lowest first */
	size_t n;
};

static void plan_release(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->layers[i].file);
		free(p->layers[i].id);
		free(p->layers[i].implied_id);
		close_fd(p->layers[i].pending);
	}
	free(p->layers);
}

/* --- digests --- */

static int mismatch(struct error *err, const char *what, const char *is, const char *should)
{
	return error_set(err, ERROR_INVALID, 0,
			 "%s has the digest sha256:%s, not sha256:%s: it was changed or damaged on "
			 "the way",
			 what, is, should);
}

/* A document whose digest must be DIGEST unless that is "". */
static int load_document(const struct parcel *b, const char *file, const char *digest,
			 struct strbuf *out, struct error *err)
{
	struct digest state;
	char is[DIGEST_SIZE];

	if (parcel_load(b, file, OCIDOC_MAX_BYTES, out, err) < 0)
		return -1;
	digest_begin(&state);
	digest_add(&state, out->data, out->len);
	digest_end(&state, is);
	if (*digest && strcmp(is, digest) != 0)
		return mismatch(err, file, is, digest);
	return 0;
}

/* --- one layer --- */

static void rename_implied(struct layer *layer)
{
	free(layer->id);
	layer->id = xstrdup(layer->implied_id);
}

/* Unpacks LAYER, which is pending then and lies on those BELOW, and says in FOUND what it was. */
static int unpack(const struct instance *inst, const struct parcel *b, struct layer *layer,
		  const struct strvec *below, struct feeder_report *found, struct error *err)
{
	bool implied = false;
	struct feeder feeder;
	struct error why = ERROR_INIT, packing = ERROR_INIT;

	if (feeder_start(b, layer->file, &feeder, err) < 0)
		return -1;
	int unpacked = runtime_layer_unpack(inst, layer->id, layer->implied_id, below, feeder.data,
					    &layer->pending, &implied, &why);
	int fed = feeder_end(&feeder, found, &packing);
	/* what was wrong with the packing says more than a tar that was cut short */
	if (unpacked < 0 && (fed == 0 || packing.code != ERROR_INVALID || !*packing.message ||
			     strstr(packing.message, "Broken pipe"))) {
		*err = why;
		return -1;
	}
	if (implied)
		rename_implied(layer);
	if (fed < 0)
		*err = packing;
	return fed;
}

static int verify(const struct layer *layer, const struct feeder_report *found, struct error *err)
{
	if (layer->size && found->size != layer->size)
		return error_set(err, ERROR_INVALID, 0, "it has %llu bytes, not %llu",
				 (unsigned long long)found->size, (unsigned long long)layer->size);
	if (*layer->digest && strcmp(found->digest, layer->digest) != 0)
		return mismatch(err, "its file", found->digest, layer->digest);
	if (strcmp(found->diff_id, layer->diff_id) != 0)
		return mismatch(err, "its content", found->diff_id, layer->diff_id);
	return 0;
}

static int take_layer(const struct instance *inst, const struct parcel *b, struct layer *layer,
		      const struct strvec *below, struct error *err)
{
	struct feeder_report found = {0};

	if (unpack(inst, b, layer, below, &found, err) < 0 || verify(layer, &found, err) < 0)
		return error_wrap(err, "layer sha256:%.12s", layer->diff_id);
	return 0;
}

/* The same changes once more: overlayfs takes a folder once, and the upper one says all that the
 * lower one says. */
static void put_on_top(struct image *im, const char *id)
{
	_cleanup_free_ char *ref = xasprintf("layer/%s", id);

	for (size_t i = 0; i < im->layers.n; i++)
		if (strcmp(im->layers.v[i], ref) == 0)
			strvec_remove(&im->layers, i--);
	strvec_insert(&im->layers, 0, ref);
}

static bool came_before(const struct plan *plan, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(plan->layers[k].id, plan->layers[i].id) == 0)
			return true;
	return false;
}

/* Whether the layer is here or about to be, by either name. */
static bool is_here(const struct instance *inst, const struct plan *plan, size_t i)
{
	struct layer *layer = &plan->layers[i];

	if (came_before(plan, i) || runtime_layer_exists(inst, layer->id))
		return true;
	if (!runtime_layer_exists(inst, layer->implied_id))
		return false;
	rename_implied(layer);
	return true;
}

/* What came before has the name on the disk that it got there. */
static const char *name_on_disk(const struct plan *plan, size_t i)
{
	for (size_t k = 0; k <= i; k++)
		if (plan->layers[k].pending >= 0 &&
		    strcmp(plan->layers[k].id, plan->layers[i].id) == 0)
			return plan->layers[k].implied_id;
	return plan->layers[i].id;
}

/* The first N layers, topmost first. */
static void list_below(const struct plan *plan, size_t n, struct strvec *out)
{
	for (size_t i = n; i-- > 0;)
		if (!strvec_has(out, name_on_disk(plan, i)))
			strvec_push(out, name_on_disk(plan, i));
}

static int unpack_all(const struct intake *in, const struct parcel *b, struct plan *plan,
		      struct image *im, struct error *err)
{
	for (size_t i = 0; i < plan->n; i++) {
		struct layer *layer = &plan->layers[i];
		bool here = is_here(in->inst, plan, i);
		_cleanup_strvec_ struct strvec below = STRVEC_INIT;

		if (in->progress)
			in->progress(in->data, i + 1, plan->n, layer->diff_id, layer->size, here);
		list_below(plan, i, &below);
		if (!here && take_layer(in->inst, b, layer, &below, err) < 0)
			return -1;
		put_on_top(im, layer->id);
	}
	return 0;
}

/* All of them, or after a failure none: those that are left then. */
static int settle_all(struct plan *plan, bool keep, struct error *err)
{
	for (size_t i = 0; i < plan->n; i++) {
		struct layer *layer = &plan->layers[i];

		if (layer->pending < 0)
			continue;
		if (runtime_layer_settle(layer->pending, layer->id, keep, err) < 0 && keep)
			return error_wrap(err, "layer sha256:%.12s", layer->diff_id);
		layer->pending = close_fd(layer->pending);
	}
	return 0;
}

/* One image at a time: nobody else may make a layer of the same name. Each is on its way to the
 * disk while the next is unpacked, and what is waited for comes at the end, once. */
static int take_layers(const struct intake *in, struct parcel *b, struct plan *plan,
		       struct image *im, struct error *err)
{
	_cleanup_free_ char *path = instance_run(in->inst, "locks/intake");
	_cleanup_close_ int lock = -1;
	struct error ignored = ERROR_INIT;

	if (file_lock(path, true, &lock, err) < 0)
		return -1;
	int result = unpack_all(in, b, plan, im, err);
	/* before the wait: what is in no file any more need not be written */
	parcel_release(b);
	if (result == 0)
		result = settle_all(plan, true, err);
	if (result < 0)
		settle_all(plan, false, &ignored);
	return result;
}

/* --- documents --- */

static char *blob_path(const char *digest)
{
	return xasprintf("blobs/sha256/%s", digest);
}

static bool fits(const struct oci_descriptor *d, const struct intake *in)
{
	const char *want = in->architecture ? in->architecture : ocidoc_architecture();

	return (!*d->architecture || strcmp(d->architecture, want) == 0) &&
	       (!*d->os || strcmp(d->os, "linux") == 0);
}

/* The descriptor of the image that is meant. */
static int choose(const struct oci_list *l, const struct intake *in, bool top,
		  const struct oci_descriptor **out, struct error *err)
{
	const struct oci_descriptor *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct oci_descriptor *d = &l->items[i];
		if (!fits(d, in) || (top && in->name && strcmp(d->name, in->name) != 0))
			continue;
		found = found ? found : d;
		n++;
	}
	if (!found)
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "no image in it is%s%.100s%s for linux/%s",
				 top && in->name ? " named '" : "", top && in->name ? in->name : "",
				 top && in->name ? "'" : "",
				 in->architecture ? in->architecture : ocidoc_architecture());
	if (top && n > 1 && !in->name)
		return error_set(err, ERROR_INVALID, 0,
				 "the archive holds %zu images: name one with --name NAME", n);
	*out = found;
	return 0;
}

/* From index.json down to the manifest. */
static int find_manifest(const struct intake *in, const struct parcel *b, struct oci_list *out,
			 struct strvec *tags, struct error *err)
{
	char digest[DIGEST_SIZE] = "";
	_cleanup_free_ char *file = xstrdup("index.json");

	for (int depth = 0; depth <= MAX_NESTING; depth++) {
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
		_cleanup_oci_list_ struct oci_list l = {0};
		const struct oci_descriptor *d;

		if (load_document(b, file, digest, &text, err) < 0 ||
		    ocidoc_list(text.data, text.len, &l, err) < 0)
			return -1;
		if (l.has_config) {
			*out = l;
			l = (struct oci_list){0};
			return 0;
		}
		if (choose(&l, in, depth == 0, &d, err) < 0)
			return -1;
		if (depth == 0 && *d->name && tags)
			strvec_push(tags, d->name);
		memcpy(digest, d->digest, sizeof(digest));
		free(file);
		file = blob_path(digest);
	}
	return error_set(err, ERROR_INVALID, 0, "the image's indexes name each other");
}

/* The name of a layer on those below it: a digest of theirs and its own. */
static char *implied_id(const char *below, const char *diff_id)
{
	struct digest state;
	char text[DIGEST_SIZE];

	digest_begin(&state);
	digest_add(&state, below, strlen(below));
	digest_add(&state, diff_id, strlen(diff_id));
	digest_end(&state, text);
	return xasprintf(IMAGE_OCI_LAYER "%s", text);
}

static void add_layer(struct plan *p, char *file, const char *digest, uint64_t size,
		      const char *diff_id)
{
	struct layer *l;

	p->layers = xreallocarray(p->layers, p->n + 1, sizeof(*p->layers));
	l = &p->layers[p->n++];
	*l = (struct layer){.file = file,
			    .size = size,
			    .id = xasprintf(IMAGE_OCI_LAYER "%s", diff_id),
			    .implied_id = implied_id(p->n > 1 ? l[-1].implied_id : "", diff_id),
			    .pending = -1};
	snprintf(l->digest, sizeof(l->digest), "%s", digest);
	snprintf(l->diff_id, sizeof(l->diff_id), "%s", diff_id);
}

static int count_error(struct error *err, size_t files, size_t ids)
{
	return error_set(err, ERROR_INVALID, 0,
			 "the image has %zu layers and its configuration names %zu", files, ids);
}

static int plan_oci(const struct intake *in, const struct parcel *b, struct plan *plan,
		    struct image *im, struct strvec *tags, struct error *err)
{
	_cleanup_oci_list_ struct oci_list l = {0};
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_strvec_ struct strvec ids = STRVEC_INIT;

	if (find_manifest(in, b, &l, tags, err) < 0)
		return -1;
	_cleanup_free_ char *file = blob_path(l.items[0].digest);
	if (load_document(b, file, l.items[0].digest, &text, err) < 0 ||
	    ocidoc_config(text.data, text.len, im, &ids, err) < 0)
		return -1;
	if (ids.n != l.n - 1)
		return count_error(err, l.n - 1, ids.n);
	for (size_t i = 0; i < ids.n; i++)
		add_layer(plan, blob_path(l.items[i + 1].digest), l.items[i + 1].digest,
			  l.items[i + 1].size, ids.v[i]);
	return 0;
}

/* The digest that a file of a docker archive is named after; "" for another name. */
static void named_digest(const char *file, char out[DIGEST_SIZE])
{
	const char *slash = strrchr(file, '/');
	_cleanup_free_ char *text = xasprintf("sha256:%s", slash ? slash + 1 : file);
	char *dot = strrchr(text, '.');

	if (dot && strcmp(dot, ".json") == 0)
		*dot = '\0';
	if (!ocidoc_digest(text, out))
		*out = '\0';
}

static int plan_docker(const struct intake *in, const struct parcel *b, struct plan *plan,
		       struct image *im, struct strvec *tags, struct error *err)
{
	_cleanup_docker_entry_ struct docker_entry e = {NULL, STRVEC_INIT, STRVEC_INIT};
	_cleanup_strbuf_ struct strbuf list = STRBUF_INIT, config = STRBUF_INIT;
	_cleanup_strvec_ struct strvec ids = STRVEC_INIT;
	char digest[DIGEST_SIZE];

	if (load_document(b, "manifest.json", "", &list, err) < 0 ||
	    ocidoc_docker(list.data, list.len, in->name, &e, err) < 0)
		return -1;
	named_digest(e.config, digest);
	if (load_document(b, e.config, digest, &config, err) < 0 ||
	    ocidoc_config(config.data, config.len, im, &ids, err) < 0)
		return -1;
	if (ids.n != e.layers.n)
		return count_error(err, e.layers.n, ids.n);
	for (size_t i = 0; i < ids.n; i++) {
		_cleanup_free_ char *plain = parcel_resolve(e.layers.v[i], NULL);
		if (!plain)
			return error_set(err, ERROR_INVALID, 0,
					 "layer '%.200s' leads out of the archive", e.layers.v[i]);
		add_layer(plan, TAKE_PTR(plain), "", 0, ids.v[i]);
	}
	if (tags)
		strvec_push_all(tags, e.tags.v);
	return 0;
}

static int check_architecture(const struct intake *in, const struct image *im, struct error *err)
{
	const char *want = in->architecture ? in->architecture : ocidoc_architecture();

	if (!*im->architecture || strcmp(im->architecture, want) == 0)
		return 0;
	return error_set(err, ERROR_UNSUPPORTED, 0,
			 "the image is for %.40s, and this machine is %s: get it for linux/%s",
			 im->architecture, want, want);
}

int intake_image(const struct intake *in, struct parcel *b, struct image *im, struct strvec *tags,
		 struct error *err)
{
	_cleanup_(plan_release) struct plan plan = {0};
	int planned;

	if (b->kind == PARCEL_ROOT)
		return error_set(err, ERROR_INVALID, 0,
				 "it is neither what 'docker save' writes nor an OCI archive: it "
				 "has no manifest.json and no index.json");
	planned = b->kind == PARCEL_OCI ? plan_oci(in, b, &plan, im, tags, err)
					: plan_docker(in, b, &plan, im, tags, err);
	if (planned < 0 || check_architecture(in, im, err) < 0)
		return -1;
	if (plan.n == 0)
		return error_set(err, ERROR_INVALID, 0,
				 "the image has no layers: nothing is in it");
	if (take_layers(in, b, &plan, im, err) < 0)
		return -1;
	im->builder = xstrdup("import");
	image_set_program(im);
	return image_save(in->inst, im, err);
}

/* The digest of the whole archive. */
static int hash_archive(const struct parcel *b, char out[DIGEST_SIZE], struct error *err)
{
	struct digest state;
	_cleanup_free_ unsigned char *block = xmalloc(BLOCK);
	ssize_t n;

	digest_begin(&state);
	if (lseek(b->archive, 0, SEEK_SET) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "read the archive");
	while ((n = read(b->archive, block, BLOCK)) > 0)
		digest_add(&state, block, (size_t)n);
	if (n < 0)
		return error_set(err, ERROR_SYSTEM, errno, "read the archive");
	digest_end(&state, out);
	return 0;
}

static int take_root(const struct intake *in, struct parcel *b, const char *id, struct error *err)
{
	_cleanup_free_ char *path = instance_run(in->inst, "locks/intake");
	_cleanup_close_ int lock = -1, pending = -1;
	const struct strvec none = STRVEC_INIT;
	bool implied;

	if (file_lock(path, true, &lock, err) < 0)
		return -1;
	if (runtime_layer_exists(in->inst, id))
		return 0;
	/* the file has no name, so it is what was hashed */
	if (lseek(b->archive, 0, SEEK_SET) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "read the archive");
	if (runtime_layer_unpack(in->inst, id, id, &none, b->archive, &pending, &implied, err) < 0)
		return -1;
	parcel_release(b);
	return runtime_layer_settle(pending, id, true, err);
}

int intake_root(const struct intake *in, struct parcel *b, struct image *im, struct error *err)
{
	char digest[DIGEST_SIZE];

	if (hash_archive(b, digest, err) < 0)
		return -1;
	_cleanup_free_ char *id = xasprintf(IMAGE_OCI_LAYER "%s", digest);
	bool here = runtime_layer_exists(in->inst, id);
	if (in->progress)
		in->progress(in->data, 1, 1, digest, b->bytes, here);
	if (!here && take_root(in, b, id, err) < 0)
		return -1;
	strvec_pushf(&im->layers, "layer/%s", id);
	im->container = true;
	im->builder = xstrdup("import");
	im->architecture = xstrdup(in->architecture ? in->architecture : ocidoc_architecture());
	image_add_step(im, "", "image:import", "imported from a root file system", false);
	return image_save(in->inst, im, err);
}
