/* SPDX-License-Identifier: MIT */
#include "buildpacks/imageneed.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "buildpacks/dockermount.h"

static int mark(struct imagework *w, size_t n, struct error *err);

/* What stage N calls NAME: a stage, or an image from elsewhere. FROM means no stage by number. */
static int mark_named(struct imagework *w, size_t n, const char *name, bool numbers,
		      const struct docker_step *step, struct error *err)
{
	long other = dockerfile_stage(&w->f, name, n, numbers);
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

static int mark_step(struct imagework *w, size_t n, const struct docker_step *step,
		     struct error *err)
{
	const char *from = docker_step_option(step, "from");

	if (from && mark_named(w, n, from, true, step, err) < 0)
		return -1;
	for (size_t i = 0; i < step->options.n; i++) {
		const char *text = str_skip(step->options.v[i], "mount=");
		_cleanup_docker_mount_ struct docker_mount m = {0};
		if (!text || docker_mount_parse(&m, text, err) < 0 || !m.from)
			continue;
		if (mark_named(w, n, m.from, true, step, err) < 0)
			return -1;
	}
	return 0;
}

/* Marks what the step TEXT needs, which what stage N is built on asks of it, and counts it. */
static int mark_trigger(struct imagework *w, size_t n, const char *text, struct error *err)
{
	_cleanup_docker_step_ struct docker_step step = DOCKER_STEP_INIT;

	w->stages[n].n_triggers++;
	if (docker_step_trigger(text, &step, err) < 0)
		return imagework_in_line(&w->f.stages[n].from, err);
	return mark_step(w, n, &step, err);
}

/* What the stage or image that FROM of stage N calls NAME asks of its children. */
static int find_triggers(struct imagework *w, size_t n, const char *name, struct strvec *out,
			 struct error *err)
{
	long other = dockerfile_stage(&w->f, name, n, false);
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
	_cleanup_strbuf_ struct strbuf name = STRBUF_INIT;
	_cleanup_strvec_ struct strvec triggers = STRVEC_INIT;

	if (w->stages[n].needed)
		return 0;
	w->stages[n].needed = true;
	w->stages[n].needs = xcalloc(w->f.n_stages, sizeof(bool));
	if (imagework_expand(w, &w->globals, stage->from.words.v[0], true, &name, err) < 0)
		return imagework_in_line(&stage->from, err);
	if (mark_named(w, n, name.data, false, &stage->from, err) < 0 ||
	    find_triggers(w, n, name.data, &triggers, err) < 0)
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
