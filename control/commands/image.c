/* SPDX-License-Identifier: MIT */
/* image:..., git:from-image, git:load-image: container images in, and what an image holds. */
#include "control/commands/tables.h"

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "buildpacks/stage.h"
#include "control/answer.h"
#include "control/collect.h"
#include "control/deploy.h"
#include "control/imagepull.h"
#include "control/imagetag.h"
#include "control/listing.h"
#include "control/oneoff.h"
#include "control/registry.h"
#include "control/shipping.h"
#include "control/tenant.h"
#include "runtime/intake.h"

/* The files lie in a layer that only the app itself may read, so its own container reads them. */
static int sbom(struct context *c, struct request *rq, struct error *err)
{
	static const char *const types[] = {"cdx", "spdx", "syft"};
	const char *type = request_value(rq, "--type");
	_cleanup_release_ struct release r;
	_cleanup_image_ struct image im;
	_cleanup_free_ char *command = NULL;
	int status = 0;
	bool known = !type;
	release_init(&r);
	image_init(&im);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		known = known || strcmp(type, types[i]) == 0;
	if (!known)
		return error_set(err, ERROR_USAGE, 0, "--type is cdx, spdx or syft, not '%.40s'",
				 type);
	if (release_load_image(c, &rq->app, &r, &im, err) < 0)
		return -1;
	if (type)
		command = xasprintf("cd /app/.cnb/sbom 2>/dev/null && find . -name '*.sbom.%s.json'"
				    " | sort | xargs -r cat | grep .",
				    type);
	else
		command = xstrdup("cd /app/.cnb/sbom 2>/dev/null && find . -name '*.json'"
				  " | sed 's,^./,,' | sort | grep .");
	struct oneoff one = {.command = command,
			     .name = "run.sbom",
			     .stdio = {-1, STDOUT_FILENO, STDERR_FILENO},
			     .time_s = 60};
	if (oneoff_run(c, &rq->app, &r, &im, &one, &status, err) < 0)
		return -1;
	if (status != 0)
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "the buildpacks of '%s' left no bill of materials%s%s",
				 rq->app.name, type ? " of type " : "", type ? type : "");
	return 0;
}

/* --- in --- */

/* Where an image comes from: a registry, or stdin. */
struct origin {
	const char *ref;  /* the registry's, or NULL */
	const char *name; /* which of several in an archive, or NULL */
	struct strvec tags;
};

static int check_stdin(const char *command, struct error *err)
{
	if (!isatty(STDIN_FILENO))
		return 0;
	return error_set(err, ERROR_USAGE, 0,
			 "the image comes through stdin: 'docker save IMAGE | berth %s', or "
			 "'< FILE'",
			 command);
}

static int load(struct context *c, struct origin *o, bool root_too, struct image *im,
		struct error *err)
{
	_cleanup_parcel_ struct parcel parcel = PARCEL_INIT;
	struct intake in = imagepull_intake(c, o->name);
	answer_step(c, "Receiving the image");
	fflush(c->out);
	if (parcel_receive(c->inst, STDIN_FILENO, &parcel, err) < 0)
		return -1;
	_cleanup_free_ char *size = imagepull_size(parcel.bytes);
	answer_step(c, "Unpacking the image (%s)", size);
	int result = parcel.kind == PARCEL_ROOT && root_too
			     ? intake_root(&in, &parcel, im, err)
			     : intake_image(&in, &parcel, im, &o->tags, err);
	return result < 0 ? error_wrap(err, "the image from stdin") : 0;
}

static int get_image(struct context *c, struct image *im, void *data, struct error *err)
{
	struct origin *o = data;
	return o->ref ? imagepull_run(c, o->ref, im, err) : load(c, o, false, im, err);
}

static int use_local(struct context *c, struct image *im, void *data, struct error *err)
{
	const char *id = data;
	(void)c;
	return image_load(c->inst, id, im, err);
}

/* git:from-image APP IMAGE: one that is here under that name, or from its registry. */
static int from_image(struct context *c, struct request *rq, struct error *err)
{
	const char *ref = rq->args.v[1];
	_cleanup_free_ char *local = NULL;
	struct error none = ERROR_INIT;
	struct app app;
	if (!imagetag_is_name(ref))
		return error_set(err, ERROR_INVALID, 0,
				 "'%.200s' is no name of an image: expected NAME:TAG, "
				 "HOST/NAME:TAG or NAME@sha256:DIGEST",
				 ref);
	if (tenant_open(c, rq->args.v[0], &app, err) < 0)
		return -1;
	_cleanup_free_ char *description = xasprintf("Deploy image %s", ref);
	struct origin o = {.ref = ref, .tags = STRVEC_INIT};
	struct deploy_image d = {.description = description, .get = get_image, .data = &o};
	if (imagetag_find(c, ref, &local, &none) == 0) {
		answer_step(c, "%s is here: image %.12s", ref, local);
		d.get = use_local;
		d.data = local;
	} else if (none.code != ERROR_NOT_FOUND) {
		*err = none;
		return -1;
	}
	return deploy_run_image(c, &app, &d, err);
}

static int load_image(struct context *c, struct request *rq, struct error *err)
{
	struct app app;
	if (check_stdin("git:load-image APP", err) < 0 ||
	    tenant_open(c, rq->args.v[0], &app, err) < 0)
		return -1;
	struct origin o = {.name = request_value(rq, "--name"), .tags = STRVEC_INIT};
	struct deploy_image d = {
		.description = "Deploy a loaded image", .get = get_image, .data = &o};
	int result = deploy_run_image(c, &app, &d, err);
	strvec_release(&o.tags);
	return result;
}

static int check_name(const char *name, struct error *err)
{
	if (imagetag_is_name(name) && !strchr(name, '@'))
		return 0;
	return error_set(err, ERROR_INVALID, 0,
			 "'%.200s' cannot name an image: expected NAME:TAG in lower case, such as "
			 "web:1.0",
			 name);
}

/* Gives IM the name NAME. */
static int keep(struct context *c, const char *name, const struct image *im, struct error *err)
{
	_cleanup_free_ char *full = imagetag_full(name);
	if (imagetag_set(&c->db, full, im->id, err) < 0)
		return -1;
	answer_step(c, "Image %s is %.12s", full, im->id);
	return 0;
}

static int import(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_close_ int hold = -1;
	_cleanup_image_ struct image im;
	struct origin o = {.name = request_value(rq, "--name"), .tags = STRVEC_INIT};
	image_init(&im);
	if (check_name(rq->args.v[0], err) < 0 || check_stdin("image:import NAME", err) < 0 ||
	    collect_hold(c->inst, &hold, err) < 0)
		return -1;
	int result = load(c, &o, true, &im, err);
	strvec_release(&o.tags);
	return result < 0 ? -1 : keep(c, rq->args.v[0], &im, err);
}

static int registry_pull_command(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_close_ int hold = -1;
	_cleanup_image_ struct image im;
	const char *ref = rq->args.v[0], *name = rq->args.n > 1 ? rq->args.v[1] : ref;
	_cleanup_free_ char *bare = xstrndup(name, strcspn(name, "@"));
	image_init(&im);
	if (!imagetag_is_name(ref))
		return error_set(err, ERROR_INVALID, 0, "'%.200s' is no name of an image", ref);
	if (check_name(bare, err) < 0 || collect_hold(c->inst, &hold, err) < 0 ||
	    imagepull_run(c, ref, &im, err) < 0)
		return -1;
	return keep(c, bare, &im, err);
}

/* --- out --- */

static int export(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_stage_ struct stage stage = STAGE_INIT;
	_cleanup_layout_ struct layout layout = LAYOUT_INIT;
	_cleanup_image_ struct image im;
	_cleanup_close_ int hold = -1;
	_cleanup_free_ char *name = NULL;
	const char *format = request_value(rq, "--format");
	image_init(&im);
	if (format && strcmp(format, "oci") != 0 && strcmp(format, "docker") != 0)
		return error_set(err, ERROR_USAGE, 0, "--format is oci or docker, not '%.40s'",
				 format);
	if (isatty(STDOUT_FILENO))
		return error_set(err, ERROR_USAGE, 0,
				 "the archive goes to stdout: 'image:export %.80s > FILE'",
				 rq->args.v[0]);
	/* stdout is the archive's */
	c->out = stderr;
	if (collect_hold(c->inst, &hold, err) < 0 ||
	    shipping_image(c, rq->args.v[0], &im, &name, err) < 0 ||
	    stage_make(c->inst, &stage, err) < 0)
		return -1;
	answer_step(c, "Packing %s", rq->args.v[0]);
	_cleanup_free_ char *folder = xasprintf("%s/oci", stage.folder);
	if (shipping_layout(c, &im, name, folder, &layout, err) < 0)
		return -1;
	return layout_archive(&layout, format && strcmp(format, "docker") == 0, name, STDOUT_FILENO,
			      err);
}

static int push(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_stage_ struct stage stage = STAGE_INIT;
	_cleanup_layout_ struct layout layout = LAYOUT_INIT;
	_cleanup_image_ struct image im;
	_cleanup_close_ int hold = -1;
	_cleanup_free_ char *name = NULL;
	const char *what = rq->args.v[0], *ref = rq->args.n > 1 ? rq->args.v[1] : what;
	image_init(&im);
	if (check_name(ref, err) < 0 || collect_hold(c->inst, &hold, err) < 0 ||
	    shipping_image(c, what, &im, &name, err) < 0 || stage_make(c->inst, &stage, err) < 0)
		return -1;
	_cleanup_free_ char *folder = xasprintf("%s/oci", stage.folder);
	_cleanup_free_ char *full = imagetag_full(ref);
	answer_step(c, "Packing %s", what);
	if (shipping_layout(c, &im, NULL, folder, &layout, err) < 0)
		return -1;
	answer_step(c, "Pushing %s", full);
	return registry_push(c, folder, full, err);
}

/* --- what is here --- */

/* The image of NAME: an app's current one, a tag's, or an id. */
static int find_image(struct context *c, const char *name, struct image *im, struct error *err)
{
	_cleanup_free_ char *id = NULL;
	struct error none = ERROR_INIT;
	struct app app;
	if (imagetag_find(c, name, &id, &none) == 0)
		return image_load(c->inst, id, im, err);
	if (none.code != ERROR_NOT_FOUND || app_find(&c->db, name, &app, NULL) < 0) {
		*err = none;
		return -1;
	}
	_cleanup_release_ struct release r;
	release_init(&r);
	return release_load_image(c, &app, &r, im, err);
}

static int list(struct context *c, struct request *rq, struct error *err)
{
	static const char *const columns[] = {"name",   "image",      "layers",
					      "source", "created_at", NULL};
	struct imagetag *tags = NULL;
	size_t n = 0;
	if (imagetag_list(&c->db, &tags, &n, err) < 0)
		return -1;
	json_t *rows = json_array();
	for (size_t i = 0; i < n; i++) {
		_cleanup_image_ struct image im;
		struct error gone = ERROR_INIT;
		image_init(&im);
		image_load(c->inst, tags[i].image, &im, &gone);
		json_t *row = json_object();
		json_object_set_new(row, "name", json_string(tags[i].name));
		json_object_set_new(row, "image", json_string(tags[i].image));
		json_object_set_new(row, "layers", json_integer((json_int_t)im.layers.n));
		json_object_set_new(row, "source", listing_text(im.source ? im.source : ""));
		json_object_set_new(row, "created_at", listing_time(tags[i].created_at));
		json_array_append_new(rows, row);
	}
	imagetag_list_free(tags, n);
	listing_table(c, rq, "Images", rows, columns);
	return 0;
}

static json_t *words_of(const struct strvec *words)
{
	json_t *v = json_array();
	for (size_t i = 0; i < words->n; i++)
		json_array_append_new(v, listing_text(words->v[i]));
	return v;
}

static int info(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_image_ struct image im;
	image_init(&im);
	if (find_image(c, rq->args.v[0], &im, err) < 0)
		return -1;
	const struct image_config *k = &im.config;
	json_t *doc = json_object();
	json_object_set_new(doc, "image", json_string(im.id));
	json_object_set_new(doc, "builder", listing_text(im.builder));
	json_object_set_new(doc, "source", listing_text(im.source ? im.source : ""));
	json_object_set_new(doc, "architecture",
			    listing_text(im.architecture ? im.architecture : ""));
	json_object_set_new(doc, "created", listing_text(im.created ? im.created : ""));
	json_object_set_new(doc, "entrypoint", words_of(&k->entrypoint));
	json_object_set_new(doc, "cmd", words_of(&k->cmd));
	json_object_set_new(doc, "user", listing_text(k->user ? k->user : ""));
	json_object_set_new(doc, "working-dir", listing_text(k->cwd ? k->cwd : ""));
	json_object_set_new(doc, "exposed-ports", words_of(&k->ports));
	json_object_set_new(doc, "volumes", words_of(&k->volumes));
	json_object_set_new(doc, "stop-signal", listing_text(k->stop_signal ? k->stop_signal : ""));
	json_object_set_new(doc, "healthcheck", words_of(&k->health.test));
	json_object_set_new(doc, "env", words_of(&im.env));
	json_object_set_new(doc, "labels", words_of(&k->labels));
	json_object_set_new(doc, "layers", words_of(&im.layers));
	_cleanup_free_ char *header = xasprintf("Image %s", rq->args.v[0]);
	listing_report(c, rq, header, doc);
	return 0;
}

static int history(struct context *c, struct request *rq, struct error *err)
{
	static const char *const columns[] = {"created", "layer", "created_by", "comment", NULL};
	_cleanup_image_ struct image im;
	image_init(&im);
	if (find_image(c, rq->args.v[0], &im, err) < 0)
		return -1;
	json_t *rows = json_array();
	for (size_t i = im.n_history; i > 0; i--) {
		const struct image_step *s = &im.history[i - 1];
		json_t *row = json_object();
		json_object_set_new(row, "created", listing_text(s->created));
		json_object_set_new(row, "layer", json_string(s->empty ? "no" : "yes"));
		json_object_set_new(row, "created_by", listing_text(s->created_by));
		json_object_set_new(row, "comment", listing_text(s->comment));
		json_array_append_new(rows, row);
	}
	_cleanup_free_ char *header = xasprintf("History of %s", rq->args.v[0]);
	listing_table(c, rq, header, rows, columns);
	return 0;
}

static int tag(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_close_ int hold = -1;
	_cleanup_image_ struct image im;
	image_init(&im);
	if (check_name(rq->args.v[1], err) < 0 || collect_hold(c->inst, &hold, err) < 0 ||
	    find_image(c, rq->args.v[0], &im, err) < 0)
		return -1;
	return keep(c, rq->args.v[1], &im, err);
}

static int forget(struct context *c, struct request *rq, struct error *err)
{
	_cleanup_free_ char *full = imagetag_full(rq->args.v[0]), *id = NULL;
	if (imagetag_find(c, full, &id, err) < 0 || imagetag_remove(&c->db, full, err) < 0)
		return -1;
	answer_step(c, "Removed the name %s of image %.12s", full, id);
	/* what no other name and no release needs goes with it */
	return collect_run(c, err);
}

static const struct option_spec sbom_options[] = {
	{"--type", NULL, "cdx|spdx|syft", "print the documents of this type"}, {0}};
static const struct option_spec load_options[] = {
	{"--name", NULL, "NAME", "which image of an archive that holds several"}, {0}};
static const struct option_spec export_options[] = {
	{"--format", NULL, "oci|docker", "an OCI archive, or what docker load reads (oci)"}, {0}};
static const struct option_spec format_only[] = {OPTION_FORMAT, {0}};

const struct command image_commands[] = {
	{"git:from-image", "APP IMAGE", "Deploy a container image", COMMAND_API, 2, 2, NULL,
	 from_image},
	{"git:load-image", "APP", "Deploy the image that docker save writes, from stdin", 0, 1, 1,
	 load_options, load_image},
	{"image:import", "NAME", "Take an image or a root file system from stdin", 0, 1, 1,
	 load_options, import},
	{"image:export", "APP|IMAGE", "Write an image to stdout, for Docker and others", 0, 1, 1,
	 export_options, export},
	{"image:list", "", "List the images that have a name", COMMAND_API, 0, 0, format_only,
	 list},
	{"image:info", "APP|IMAGE", "Show how an image starts and what it is made of", COMMAND_API,
	 1, 1, format_only, info},
	{"image:history", "APP|IMAGE", "Show the steps that made an image", COMMAND_API, 1, 1,
	 format_only, history},
	{"image:tag", "APP|IMAGE NAME", "Give an image a further name, which keeps it", COMMAND_API,
	 2, 2, NULL, tag},
	{"image:remove", "NAME", "Forget a name, and the image when nothing else needs it",
	 COMMAND_API, 1, 1, NULL, forget},
	{"image:sbom", "APP", "List or print the bills of materials that buildpacks left",
	 COMMAND_APP, 0, 0, sbom_options, sbom},
	{"registry:push", "APP|IMAGE [NAME]", "Send an image to its registry", COMMAND_API, 1, 2,
	 NULL, push},
	{"registry:pull", "IMAGE [NAME]", "Get an image from its registry and keep it", COMMAND_API,
	 1, 2, NULL, registry_pull_command},
	{0},
};
