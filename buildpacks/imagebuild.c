/* SPDX-License-Identifier: MIT */
#include "buildpacks/imagebuild.h"

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "buildpacks/dockerline.h"
#include "buildpacks/imagefork.h"
#include "buildpacks/imagekept.h"
#include "buildpacks/imageneed.h"
#include "buildpacks/imagestage.h"
#include "buildpacks/imagework.h"
#include "buildpacks/say.h"
#include "buildpacks/source.h"

static int read_file(struct imagework *w, struct error *err)
{
	_cleanup_close_ int source = -1;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (source_open(w->b->inst, w->b->tree, &source, err) < 0 ||
	    source_read(source, w->b->dockerfile, DOCKERLINE_FILE_MAX, &text, err) < 0)
		return -1;
	if (dockerfile_parse(&w->f, text.data, text.len, err) < 0)
		return error_wrap(err, "%s", w->b->dockerfile);
	return 0;
}

static int finish(struct imagework *w, struct image *out, struct error *err)
{
	struct image *im = &w->stages[w->last].im;
	free(im->builder);
	im->builder = xstrdup("dockerfile");
	free(im->tree);
	im->tree = xstrdup(w->b->tree);
	free(im->architecture);
	im->architecture = xstrdup(imagework_built_in("TARGETARCH"));
	if (im->layers.n == 0 && imagework_empty(w->b, err) < 0)
		return -1;
	if (im->layers.n == 0)
		strvec_push(&im->layers, "layer/" IMAGEBUILD_EMPTY);
	image_set_program(im);
	if (image_save(w->b->inst, im, err) < 0 ||
	    imagekept_note(w->b->inst, w->b->app, &w->used, false, err) < 0)
		return -1;
	struct image empty = *out;
	*out = *im;
	*im = empty;
	return 0;
}

/* The stage that is the image: the one that the operator named, or the last. */
static int find_last(struct imagework *w, struct error *err)
{
	const char *target = w->b->target;
	long n = target ? dockerfile_stage(&w->f, target, w->f.n_stages, true)
			: (long)w->f.n_stages - 1;

	if (n < 0)
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "%s has no stage '%s': 'builder-dockerfile:set APP target' says "
				 "which is built",
				 w->b->dockerfile, target);
	w->last = (size_t)n;
	return 0;
}

static int build_stages(struct imagework *w, struct error *err)
{
	size_t most;

	if (imagefork_most(w->b->inst, &most, err) < 0)
		return -1;
	if (most > 1 && !w->one_by_one && imageneed_is_parallel(w))
		return imagefork_build(w, most, err);
	for (size_t i = 0; i < w->f.n_stages; i++)
		if (w->stages[i].needed && imagestage_build(w, i, err) < 0)
			return -1;
	return 0;
}

static int prepare(struct imagework *w, struct error *err)
{
	if (read_file(w, err) < 0 || imagekept_load(w->b->inst, w->b->app, &w->kept, err) < 0)
		return -1;
	w->stages = xcalloc(w->f.n_stages, sizeof(*w->stages));
	for (size_t i = 0; i < w->f.n_stages; i++) {
		image_init(&w->stages[i].im);
		strvec_init(&w->stages[i].args);
	}
	imagework_add_built_ins(&w->globals);
	for (size_t i = 0; i < w->f.n_args; i++)
		if (imagework_declare(w, &w->f.args[i], &w->globals, NULL, &w->globals, err) < 0)
			return -1;
	return find_last(w, err) < 0 || imageneed_find(w, err) < 0 ? -1 : 0;
}

int imagebuild_run(const struct build *b, struct image *out, struct error *err)
{
	_cleanup_(imagework_release) struct imagework w = {.b = b,
							   .globals = STRVEC_INIT,
							   .used = STRVEC_INIT,
							   .kept = STRVEC_INIT,
							   .image_names = STRVEC_INIT,
							   .made = STRVEC_INIT,
							   .report = -1};

	dockerfile_init(&w.f);
	if (prepare(&w, err) < 0)
		return -1;
	say_step(b->out, "Building %s", b->dockerfile);
	if (build_stages(&w, err) < 0) {
		struct error ignored = ERROR_INIT;
		/* the next try takes what went well from the cache */
		imagekept_note(b->inst, b->app, &w.used, true, &ignored);
		return -1;
	}
	return finish(&w, out, err);
}
