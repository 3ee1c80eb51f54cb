/* SPDX-License-Identifier: MIT */
#include "buildpacks/imagestage.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "buildpacks/dockerconfig.h"
#include "buildpacks/imageadd.h"
#include "buildpacks/imagefolder.h"
#include "buildpacks/imagerun.h"
#include "buildpacks/say.h"

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
	im->config.health.start_interval = c->health.start_interval;
	im->config.health.retries = c->health.retries;
	im->port = from->port;
	copy_text(&im->config.user, c->user);
	copy_text(&im->config.cwd, c->cwd);
	copy_text(&im->config.stop_signal, c->stop_signal);
	for (size_t i = 0; i < from->n_history; i++)
		image_add_step(im, from->history[i].created, from->history[i].created_by,
			       from->history[i].comment, from->history[i].empty);
}

/* What a stage on nothing begins with: texts that say nothing, as in every other image. */
static void start_empty(struct image *im)
{
	copy_text(&im->config.user, NULL);
	copy_text(&im->config.cwd, NULL);
	copy_text(&im->config.stop_signal, NULL);
}

/* A stage that exposes ports listens there, and not where the image below did. */
static void note_port(struct stage_state *s, const struct strvec *words)
{
	for (size_t i = 0; i < words->n; i++) {
		const char *protocol = strchr(words->v[i], '/');
		long port = strtol(words->v[i], NULL, 10);
		if (protocol && strcasecmp(protocol, "/tcp") != 0)
			continue;
		if (!s->own_port || port < s->im.port)
			s->im.port = (int)port;
		s->own_port = true;
	}
}

static void say_what(struct imagework *w, const struct docker_step *step)
{
	w->step++;
	if (!w->replay)
		say_step(w->b->out, "Step %u/%u : %.200s", w->step, w->n_steps, step->text);
}

static int declare(struct imagework *w, struct stage_state *s, const struct docker_step *step,
		   struct error *err)
{
	_cleanup_strvec_ struct strvec vars = STRVEC_INIT;

	imagework_visible(s, &vars);
	return imagework_declare(w, step, &vars, &w->globals, &s->args, err);
}

/* What STEP says of how the image starts. */
static int configure(struct imagework *w, struct stage_state *s, const struct docker_step *step,
		     struct error *err)
{
	_cleanup_strvec_ struct strvec vars = STRVEC_INIT, words = STRVEC_INIT;

	imagework_visible(s, &vars);
	if (imagework_words(w, step, &vars, &words, err) < 0 ||
	    dockerconfig_apply(step, &words, &s->im, &s->own_entrypoint, err) < 0)
		return -1;
	if (step->op == DOCKER_EXPOSE)
		note_port(s, &words);
	return 0;
}

static bool is_layer(const struct docker_step *step)
{
	return step->op == DOCKER_RUN || step->op == DOCKER_COPY || step->op == DOCKER_ADD;
}

static int make_layer(struct imagework *w, size_t n, const struct docker_step *step,
		      bool *out_cached, struct error *err)
{
	if (step->op == DOCKER_RUN)
		return imagerun_do(w, n, step, out_cached, err);
	if (step->op == DOCKER_WORKDIR)
		return imagefolder_do(w, n, out_cached, err);
	return imageadd_do(w, n, step, out_cached, err);
}

static int do_step(struct imagework *w, size_t n, const struct docker_step *step, struct error *err)
{
	struct stage_state *s = &w->stages[n];
	int64_t start = clock_ms();
	bool layer = is_layer(step), cached = false;

	say_what(w, step);
	if (step->op == DOCKER_ARG)
		return declare(w, s, step, err);
	if (!layer && configure(w, s, step, err) < 0)
		return imagework_in_line(step, err);
	layer |= step->op == DOCKER_WORKDIR && !str_equal(s->im.config.cwd, "/");
	if (layer && w->replay)
		imagework_use(w, &s->im, w->replay->v[w->replayed++]);
	else if (layer && make_layer(w, n, step, &cached, err) < 0)
		return imagework_in_line(step, err);
	image_add_step(&s->im, "", step->text, "", !layer);
	if (!layer || w->replay)
		return 0;
	strvec_push(&w->made, s->im.layers.v[0] + strlen("layer/"));
	if (cached)
		say_detail(w->b->out, "Cached");
	else
		say_detail(w->b->out, "Done in %.2f s", (double)(clock_ms() - start) / 1000);
	return 0;
}

/* What the image or stage below asks its children to do. */
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

	say_what(w, from);
	if (imagework_expand(w, &w->globals, from->words.v[0], true, &name, err) < 0)
		return imagework_in_line(from, err);
	long other = dockerfile_stage(&w->f, name.data, n, false);
	if (other >= 0) {
		inherit(&s->im, &w->stages[other].im);
		copy_list(&s->args, &w->stages[other].args);
	} else if (!str_equal(name.data, DOCKERFILE_SCRATCH)) {
		const struct image *im;
		if (imagework_image(w, name.data, &im, err) < 0)
			return imagework_in_line(from, err);
		inherit(&s->im, im);
	} else {
		start_empty(&s->im);
	}
	s->im.container = true;
	return do_triggers(w, n, err);
}

int imagestage_build(struct imagework *w, size_t n, struct error *err)
{
	const struct docker_stage *stage = &w->f.stages[n];

	w->step = w->stages[n].first_step;
	strvec_release(&w->made);
	if (start_stage(w, n, err) < 0)
		return -1;
	for (size_t i = 0; i < stage->n_steps; i++)
		if (do_step(w, n, &stage->steps[i], err) < 0)
			return -1;
	w->stages[n].done = true;
	return 0;
}

int imagestage_replay(struct imagework *w, size_t n, const struct strvec *layers, struct error *err)
{
	w->replay = layers;
	w->replayed = 0;
	int result = imagestage_build(w, n, err);
	w->replay = NULL;
	return result;
}
