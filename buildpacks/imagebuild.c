/* SPDX-License-Identifier: MIT */
#include "buildpacks/imagebuild.h"

#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "buildpacks/dockerconfig.h"
#include "buildpacks/dockerline.h"
#include "buildpacks/dockermount.h"
#include "buildpacks/imagecopy.h"
#include "buildpacks/imagekept.h"
#include "buildpacks/imagerun.h"
#include "buildpacks/imagework.h"
#include "buildpacks/say.h"
#include "buildpacks/source.h"
#include "buildpacks/stage.h"

static void release_work(struct imagework *w)
{
	for (size_t i = 0; i < w->f.n_stages; i++) {
		image_release(&w->stages[i].im);
		strvec_release(&w->stages[i].args);
	}
	free(w->stages);
	dockerfile_release(&w->f);
	strvec_release(&w->globals);
	strvec_release(&w->used);
}

/* --- images that others are built on --- */

static void copy_list(struct strvec *to, const struct strvec *from)
{
	strvec_release(to);
	strvec_push_all(to, from->v);
}

static void copy_text(char **to, const char *from)
{
	free(*to);
	*to = xstrdup(from ? from : "");
}

/* What a stage that is built on FROM begins with. */
static void inherit(struct image *im, const struct image *from)
{
	const struct image_config *c = &from->config;

	copy_list(&im->layers, &from->layers);
	copy_list(&im->env, &from->env);
	copy_list(&im->config.entrypoint, &c->entrypoint);
	copy_list(&im->config.cmd, &c->cmd);
	copy_list(&im->config.shell, &c->shell);
	copy_list(&im->config.onbuild, &c->onbuild);
	copy_list(&im->config.ports, &c->ports);
	copy_list(&im->config.volumes, &c->volumes);
	copy_list(&im->config.labels, &c->labels);
	copy_list(&im->config.health.test, &c->health.test);
	im->config.health.interval = c->health.interval;
	im->config.health.timeout = c->health.timeout;
	im->config.health.start_period = c->health.start_period;
	im->config.health.retries = c->health.retries;
	copy_text(&im->config.user, c->user);
	copy_text(&im->config.cwd, c->cwd);
	copy_text(&im->config.stop_signal, c->stop_signal);
	for (size_t i = 0; i < from->n_history; i++)
		image_add_step(im, from->history[i].created, from->history[i].created_by,
			       from->history[i].comment, from->history[i].empty);
}

/* --- COPY and ADD --- */

static int make_copy(struct imagework *w, const char *upper, void *data, struct error *err)
{
	return imagecopy_run(w->b, data, upper, err);
}

/* The files that stand in the Dockerfile itself become the sources. */
static int add_docs(const struct imagework *w, const struct docker_step *step,
		    const struct strvec *vars, struct stage *stage, struct imagecopy *copy,
		    struct error *err)
{
	if (copy->sources.n != step->n_docs)
		return error_set(err, ERROR_UNSUPPORTED, 0,
				 "%s of heredocs and files together is not supported: use two",
				 docker_op_name(step->op));
	strvec_release(&copy->sources);
	if (stage_make(w->b->inst, stage, err) < 0)
		return -1;
	for (size_t i = 0; i < step->n_docs; i++) {
		const struct docker_doc *doc = &step->docs[i];
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
		if (doc->expand && imagework_expand(w, vars, doc->text, false, &text, err) < 0)
			return -1;
		const char *content = doc->expand ? text.data : doc->text;
		if (stage_add(stage, doc->name, content, strlen(content), err) < 0)
			return -1;
		strvec_push(&copy->sources, doc->name);
	}
	if (!copy->chmod)
		copy->chmod = "644";
	copy->root = "/docs";
	copy->docs = stage->id;
	return 0;
}

static int fill_copy(struct imagework *w, size_t n, const struct docker_step *step,
		     const struct strvec *vars, struct imagecopy *copy, char **to, char **chown,
		     char **chmod, struct error *err)
{
	const struct image *im = &w->stages[n].im;
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	_cleanup_free_ char *from = NULL;

	if (imagework_words(w, step, vars, &words, err) < 0 ||
	    imagework_option(w, step, vars, "from", &from, err) < 0 ||
	    imagework_option(w, step, vars, "chown", chown, err) < 0 ||
	    imagework_option(w, step, vars, "chmod", chmod, err) < 0)
		return -1;
	if (*chmod && (!**chmod || strlen(*chmod) > 4 || (*chmod)[strspn(*chmod, "01234567")]))
		return error_set(err, ERROR_INVALID, 0, "--chmod takes a number such as 755");
	const char *dest = words.v[words.n - 1];
	size_t len = strlen(dest);
	copy->into = words.n > 2 || (len > 0 && dest[len - 1] == '/') || str_equal(dest, ".");
	*to = dockerconfig_path(im->config.cwd, dest);
	copy->to = *to;
	copy->chown = *chown;
	copy->chmod = *chmod;
	copy->root = from ? "/" : "/app";
	copy->keep_owner = from != NULL;
	copy->unpack = step->op == DOCKER_ADD;
	for (size_t i = 0; i + 1 < words.n; i++)
		strvec_push(&copy->sources, words.v[i]);
	for (size_t i = 0; i < step->options.n; i++) {
		const char *pattern = str_skip(step->options.v[i], "exclude=");
		if (pattern)
			strvec_push(&copy->exclude, pattern);
	}
	if (imagework_layers(w, im, &copy->onto, err) < 0)
		return -1;
	if (from)
		return imagework_layers_from(w, n, from, &copy->from, err);
	strvec_pushf(&copy->from, "source/%s", w->b->tree);
	strvec_pushf(&copy->from, "layer/%s", w->b->stack);
	return 0;
}

static void release_copy(struct imagecopy *copy)
{
	strvec_release(&copy->from);
	strvec_release(&copy->exclude);
	strvec_release(&copy->sources);
	strvec_release(&copy->onto);
}

static int do_copy(struct imagework *w, size_t n, const struct docker_step *step, bool *out_cached,
		   struct error *err)
{
	struct stage_state *s = &w->stages[n];
	struct imagecopy copy = {.from = STRVEC_INIT,
				 .exclude = STRVEC_INIT,
				 .sources = STRVEC_INIT,
				 .onto = STRVEC_INIT};
	_cleanup_strvec_ struct strvec vars = STRVEC_INIT;
	_cleanup_free_ char *to = NULL, *chown = NULL, *chmod = NULL;
	_cleanup_stage_ struct stage docs = STAGE_INIT;
	char digest[HASH_TEXT];
	struct hash key;

	imagework_visible(s, &vars);
	int result = fill_copy(w, n, step, &vars, &copy, &to, &chown, &chmod, err);
	if (result == 0 && step->n_docs > 0)
		result = add_docs(w, step, &vars, &docs, &copy, err);
	if (result == 0)
		result = imagecopy_digest(w->b, &copy, digest, err);
	if (result == 0) {
		imagework_key(w, "copy", &s->im, &key);
		hash_addstr(&key, digest);
		hash_addstr(&key, copy.into ? "into" : "as");
		hash_addstr(&key, to);
		hash_addstr(&key, chown);
		hash_addstr(&key, chmod);
		result = imagework_ensure(w, &s->im, &key, make_copy, &copy, out_cached, err);
	}
	release_copy(&copy);
	return result;
}

/* --- stages --- */

static int do_step(struct imagework *w, size_t n, const struct docker_step *step, struct error *err)
{
	struct stage_state *s = &w->stages[n];
	int64_t start = clock_ms();
	bool layer = step->op == DOCKER_RUN || step->op == DOCKER_COPY || step->op == DOCKER_ADD;
	bool cached = false;
	int result;

	say_step(w->b->out, "Step %u/%u : %.200s", ++w->step, w->n_steps, step->text);
	if (step->op == DOCKER_RUN) {
		result = imagerun_do(w, n, step, &cached, err);
	} else if (layer) {
		result = do_copy(w, n, step, &cached, err);
	} else {
		_cleanup_strvec_ struct strvec vars = STRVEC_INIT, words = STRVEC_INIT;
		imagework_visible(s, &vars);
		if (step->op == DOCKER_ARG)
			return imagework_declare(w, step, &vars, &w->globals, &s->args, err);
		result = imagework_words(w, step, &vars, &words, err);
		if (result == 0)
			result = dockerconfig_apply(step, &words, &s->im, &s->own_entrypoint, err);
	}
	if (result < 0)
		return imagework_in_line(step, err);
	image_add_step(&s->im, "", step->text, "", !layer);
	if (layer && cached)
		say_detail(w->b->out, "Cached");
	else if (layer)
		say_detail(w->b->out, "Done in %.2f s", (double)(clock_ms() - start) / 1000);
	return 0;
}

/* What the image below asks its children to do. */
static int do_triggers(struct imagework *w, size_t n, struct error *err)
{
	struct strvec triggers = w->stages[n].im.config.onbuild;
	int result = 0;

	strvec_init(&w->stages[n].im.config.onbuild);
	for (size_t i = 0; i < triggers.n && result == 0; i++) {
		struct docker_step step;
		result = docker_step_trigger(triggers.v[i], &step, err);
		if (result < 0)
			break;
		w->n_steps++;
		result = do_step(w, n, &step, err);
		docker_step_release(&step);
	}
	strvec_release(&triggers);
	return result;
}

static int start_stage(struct imagework *w, size_t n, struct error *err)
{
	struct stage_state *s = &w->stages[n];
	const struct docker_step *from = &w->f.stages[n].from;
	_cleanup_strbuf_ struct strbuf name = STRBUF_INIT;

	say_step(w->b->out, "Step %u/%u : %.200s", ++w->step, w->n_steps, from->text);
	if (imagework_expand(w, &w->globals, from->words.v[0], true, &name, err) < 0)
		return imagework_in_line(from, err);
	long other = dockerfile_stage(&w->f, name.data, n, false);
	if (other >= 0) {
		inherit(&s->im, &w->stages[other].im);
		strvec_release(&s->im.config.onbuild);
	} else if (!str_equal(name.data, DOCKERFILE_SCRATCH)) {
		_cleanup_image_ struct image im;
		image_init(&im);
		if (imagework_image(w, name.data, &im, err) < 0)
			return imagework_in_line(from, err);
		inherit(&s->im, &im);
	}
	s->im.container = true;
	return do_triggers(w, n, err);
}

static int build_stage(struct imagework *w, size_t n, struct error *err)
{
	const struct docker_stage *stage = &w->f.stages[n];

	if (start_stage(w, n, err) < 0)
		return -1;
	for (size_t i = 0; i < stage->n_steps; i++)
		if (do_step(w, n, &stage->steps[i], err) < 0)
			return -1;
	w->stages[n].done = true;
	return 0;
}

/* Marks stage N and what it needs; adds up their steps. */
static int mark_needed(struct imagework *w, size_t n, struct error *err)
{
	const struct docker_stage *stage = &w->f.stages[n];
	_cleanup_strbuf_ struct strbuf name = STRBUF_INIT;

	if (w->stages[n].needed)
		return 0;
	w->stages[n].needed = true;
	w->n_steps += (unsigned)stage->n_steps + 1;
	if (imagework_expand(w, &w->globals, stage->from.words.v[0], true, &name, err) < 0)
		return imagework_in_line(&stage->from, err);
	long other = dockerfile_stage(&w->f, name.data, n, false);
	if (other >= 0 && mark_needed(w, (size_t)other, err) < 0)
		return -1;
	for (size_t i = 0; i < stage->n_steps; i++) {
		const struct docker_step *step = &stage->steps[i];
		const char *from = docker_step_option(step, "from");
		other = from ? dockerfile_stage(&w->f, from, n, true) : -1;
		if (other >= 0 && mark_needed(w, (size_t)other, err) < 0)
			return -1;
		for (size_t j = 0; j < step->options.n; j++) {
			const char *text = str_skip(step->options.v[j], "mount=");
			_cleanup_docker_mount_ struct docker_mount m = {0};
			if (!text || docker_mount_parse(&m, text, err) < 0 || !m.from)
				continue;
			other = dockerfile_stage(&w->f, m.from, n, true);
			if (other >= 0 && mark_needed(w, (size_t)other, err) < 0)
				return -1;
		}
	}
	return 0;
}

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
	struct image *im = &w->stages[w->f.n_stages - 1].im;
	free(im->builder);
	im->builder = xstrdup("dockerfile");
	free(im->tree);
	im->tree = xstrdup(w->b->tree);
	copy_text(&im->architecture, imagework_built_in("TARGETARCH"));
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

int imagebuild_run(const struct build *b, struct image *out, struct error *err)
{
	_cleanup_(release_work) struct imagework w = {
		.b = b, .globals = STRVEC_INIT, .used = STRVEC_INIT};

	dockerfile_init(&w.f);
	if (read_file(&w, err) < 0)
		return -1;
	w.stages = xcalloc(w.f.n_stages, sizeof(*w.stages));
	for (size_t i = 0; i < w.f.n_stages; i++) {
		image_init(&w.stages[i].im);
		strvec_init(&w.stages[i].args);
	}
	for (size_t i = 0; i < w.f.n_args; i++)
		if (imagework_declare(&w, &w.f.args[i], &w.globals, NULL, &w.globals, err) < 0)
			return -1;
	if (mark_needed(&w, w.f.n_stages - 1, err) < 0)
		return -1;
	say_step(b->out, "Building %s", b->dockerfile);
	for (size_t i = 0; i < w.f.n_stages; i++) {
		struct error ignored = ERROR_INIT;
		if (w.stages[i].needed && build_stage(&w, i, err) < 0) {
			/* the next try takes what went well from the cache */
			imagekept_note(b->inst, b->app, &w.used, true, &ignored);
			return -1;
		}
	}
	return finish(&w, out, err);
}
