/* SPDX-License-Identifier: MIT */
#include "buildpacks/dockerfile.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "buildpacks/dockerline.h"

long dockerfile_stage(const struct dockerfile *f, const char *name, size_t n, bool numbers)
{
	unsigned long long i;

	for (size_t s = n; s-- > 0;)
		if (f->stages[s].name && strcasecmp(f->stages[s].name, name) == 0)
			return (long)s;
	return n > 0 && numbers && str_to_u64(name, 0, n - 1, &i) == 0 ? (long)i : -1;
}

int dockerfile_from(const struct dockerfile *f, const char *name, size_t n, long *out_stage,
		    struct error *err)
{
	const char *own = f->stages[n].name;
	long stage = dockerfile_stage(f, name, n, true);
	bool number = *name && strspn(name, "0123456789") == strlen(name);

	if (stage < 0 && (number || (own && strcasecmp(own, name) == 0)))
		return error_set(err, ERROR_INVALID, 0, "no stage before this one is '%.80s'",
				 name);
	*out_stage = stage;
	return 0;
}

static struct docker_step *push_step(struct docker_step **steps, size_t *n,
				     struct docker_step *step)
{
	*steps = xreallocarray(*steps, *n + 1, sizeof(**steps));
	(*steps)[*n] = *step;
	*step = (struct docker_step)DOCKER_STEP_INIT;
	return &(*steps)[(*n)++];
}

/* Takes STEP into F. */
static int place_step(struct dockerfile *f, struct docker_step *step, struct error *err)
{
	if (step->op == DOCKER_FROM) {
		if (f->n_stages == DOCKERFILE_STAGES_MAX)
			return error_set(err, ERROR_INVALID, 0, "line %u: more than %d stages",
					 step->line, DOCKERFILE_STAGES_MAX);
		f->stages = xreallocarray(f->stages, f->n_stages + 1, sizeof(*f->stages));
		struct docker_stage *stage = &f->stages[f->n_stages++];
		*stage = (struct docker_stage){.from = *step};
		*step = (struct docker_step)DOCKER_STEP_INIT;
		if (stage->from.words.n < 3)
			return 0;
		stage->name = xstrdup(stage->from.words.v[2]);
		for (char *p = stage->name; *p; p++)
			*p = (char)tolower((unsigned char)*p);
		if (dockerfile_stage(f, stage->name, f->n_stages - 1, false) >= 0)
			return error_set(err, ERROR_INVALID, 0,
					 "line %u, column %u: a stage '%s' is there already",
					 stage->from.line, stage->from.column, stage->name);
		return 0;
	}
	if (f->n_stages > 0) {
		struct docker_stage *stage = &f->stages[f->n_stages - 1];
		push_step(&stage->steps, &stage->n_steps, step);
	} else if (step->op == DOCKER_ARG) {
		push_step(&f->args, &f->n_args, step);
	} else {
		return error_set(err, ERROR_INVALID, 0,
				 "line %u, column %u: only ARG may come before FROM, not %s",
				 step->line, step->column, docker_op_name(step->op));
	}
	return 0;
}

void dockerfile_init(struct dockerfile *f)
{
	*f = (struct dockerfile){.escape = '\\'};
}

static void release_steps(struct docker_step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		docker_step_release(&steps[i]);
	free(steps);
}

void dockerfile_release(struct dockerfile *f)
{
	release_steps(f->args, f->n_args);
	for (size_t i = 0; i < f->n_stages; i++) {
		docker_step_release(&f->stages[i].from);
		free(f->stages[i].name);
		release_steps(f->stages[i].steps, f->stages[i].n_steps);
	}
	free(f->stages);
	dockerfile_init(f);
}

static int parse(struct dockerfile *f, const char *data, size_t len, struct error *err)
{
	struct dockerlines lines;
	size_t n = 0;

	if (dockerlines_start(&lines, data, len, err) < 0)
		return -1;
	f->escape = lines.escape;
	for (;;) {
		_cleanup_dockerline_ struct dockerline line;
		_cleanup_docker_step_ struct docker_step step = DOCKER_STEP_INIT;
		dockerline_init(&line);
		if (!dockerlines_next(&lines, &line))
			break;
		if (n++ == DOCKERFILE_STEPS_MAX)
			return error_set(err, ERROR_INVALID, 0,
					 "line %u: more than %d instructions", line.parts[0].line,
					 DOCKERFILE_STEPS_MAX);
		if (docker_step_read(&step, &lines, &line, f->escape, err) < 0 ||
		    place_step(f, &step, err) < 0)
			return -1;
	}
	if (f->n_stages == 0)
		return error_set(err, ERROR_INVALID, 0, "line 1, column 1: there is no FROM");
	return 0;
}

int dockerfile_parse(struct dockerfile *f, const char *data, size_t len, struct error *err)
{
	if (parse(f, data, len, err) == 0)
		return 0;
	dockerfile_release(f);
	return -1;
}
