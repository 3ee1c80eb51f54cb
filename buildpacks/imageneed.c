/* SPDX-License-Identifier: MIT */
#include "buildpacks/imageneed.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "buildpacks/dockermount.h"

static int mark(struct imagework *w, size_t n, struct error *err);

/* What stage N calls NAME: the stage OTHER, or, when that is -1, an image from elsewhere. */
static int mark_named(struct imagework *w, size_t n, const char *name, long other,
		      const struct docker_step *step, struct error *err)
{
	const struct image *im;

	if (other >= 0) {
		w->stages[n].needs[other] = true;
		return mark(w, (size_t)other, err);
	}
	/* what a variable names is looked for when its step comes */
	if (strchr(name, '$')) {
		w->one_by_one = true;
		return 0;
	}
	if (str_equal(name, DOCKERFILE_SCRATCH))
		return 0;
	return imagework_image(w, name, &im, err) < 0 ? imagework_in_line(step, err) : 0;
}

/* --from=NAME of STEP. */
static int mark_from(struct imagework *w, size_t n, const char *name,
		     const struct docker_step *step, struct error *err)
{
	long other;

	if (dockerfile_from(&w->f, name, n, &other, err) < 0)
		return error_wrap(err, "%s: line %u, column %u", w->b->dockerfile, step->line,
				  step->column);
	return mark_named(w, n, name, other, step, err);
}

static int mark_step(struct imagework *w, size_t n, const struct docker_step *step,
		     struct error *err)
{
	const char *from = docker_step_option(step, "from");

	if (from && mark_from(w, n, from, step, err) < 0)
		return -1;
	for (size_t i = 0; i < step->options.n; i++) {
		const char *text = str_skip(step->options.v[i], "mount=");
		_cleanup_docker_mount_ struct docker_mount m = {0};
		if (!text || docker_mount_parse(&m, text, err) < 0 || !m.from)
			continue;
		if (mark_from(w, n, m.from, step, err) < 0)
			return -1;
	}
	return 0;
}

/* Marks what the step TEXT needs, which what stage N is built on asks of it, and counts it. */
static int mark_trigger(struct imagework *w, size_t n, const char *text, struct error *err)
{
	_cleanup_docker_step_ struct docker_step step = DOCKER_STEP_INIT;
	const struct docker_step *from = &w->f.stages[n].from;

	w->stages[n].n_triggers++;
	if (docker_step_trigger(text, &step, err) < 0)
		return imagework_in_line(from, err);
	step.line = from->line;
	step.column = from->column;
	return mark_step(w, n, &step, err);
}

/* What the stage OTHER, or when that is -1 the image NAME, asks of its children. */
static int find_triggers(struct imagework *w, long other, const char *name, struct strvec *out,
			 struct error *err)
{
	const struct docker_stage *below = other >= 0 ? &w->f.stages[other] : NULL;
	const struct image *im;

	for (size_t i = 0; below && i < below->n_steps; i++)
		if (below->steps[i].op == DOCKER_ONBUILD)
			strvec_push(out, below->steps[i].words.v[0]);
	if (below || strchr(name, '$') || str_equal(name, DOCKERFILE_SCRATCH))
		return 0;
	if (imagework_image(w, name, &im, err) < 0)
		return -1;
	strvec_push_all(out, im->config.onbuild.v);
	return 0;
}

static int mark(struct imagework *w, size_t n, struct error *err)
{
	const struct docker_stage *stage = &w->f.stages[n];
	long below;
	_cleanup_strbuf_ struct strbuf name = STRBUF_INIT;
	_cleanup_strvec_ struct strvec triggers = STRVEC_INIT;

	if (w->stages[n].needed)
		return 0;
	w->stages[n].needed = true;
	w->stages[n].needs = xcalloc(w->f.n_stages, sizeof(bool));
	if (imagework_expand(w, &w->globals, stage->from.words.v[0], true, &name, err) < 0)
		return imagework_in_line(&stage->from, err);
	below = dockerfile_stage(&w->f, name.data, n, false);
	if (mark_named(w, n, name.data, below, &stage->from, err) < 0 ||
	    find_triggers(w, below, name.data, &triggers, err) < 0)
		return -1;
	for (size_t i = 0; i < triggers.n; i++)
		if (mark_trigger(w, n, triggers.v[i], err) < 0)
			return -1;
	for (size_t i = 0; i < stage->n_steps; i++)
		if (mark_step(w, n, &stage->steps[i], err) < 0)
			return -1;
	return 0;
}

int imageneed_find(struct imagework *w, struct error *err)
{
	if (mark(w, w->last, err) < 0)
		return -1;
	for (size_t i = 0; i < w->f.n_stages; i++) {
		if (!w->stages[i].needed)
			continue;
		w->stages[i].first_step = w->n_steps;
		w->n_steps += (unsigned)w->f.stages[i].n_steps + 1 + w->stages[i].n_triggers;
	}
	return 0;
}

bool imageneed_is_ready(const struct imagework *w, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (w->stages[n].needs[i] && !w->stages[i].done)
			return false;
	return true;
}

bool imageneed_is_parallel(const struct imagework *w)
{
	size_t before = w->f.n_stages;

	/* in a chain each needs the one before it; nothing lies between the two */
	for (size_t i = 0; i < w->f.n_stages; i++) {
		if (!w->stages[i].needed)
			continue;
		if (before < w->f.n_stages && !w->stages[i].needs[before])
			return true;
		before = i;
	}
	return false;
}
