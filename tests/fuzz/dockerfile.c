/* room: buildpacks runtime */
/* SPDX-License-Identifier: MIT */
#include "buildpacks/dockerfile.h"

#include <stdint.h>
#include <string.h>

#include "buildpacks/dockervar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_step(const struct dockerfile *f, const struct docker_step *step)
{
	struct strvec vars = STRVEC_INIT;
	struct dockervar how = {.vars = &vars, .escape = f->escape};
	struct error err = ERROR_INIT;
	size_t at;

	strvec_push(&vars, "A=a.b*c/a.b");
	if (step->line < 1 || step->column < 1 || !step->text || strchr(step->text, '\n'))
		__builtin_trap();
	for (size_t i = 0; i < step->words.n; i++) {
		_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
		if (dockervar_expand(&how, step->words.v[i], &out, &at, &err) < 0 &&
		    at > strlen(step->words.v[i]))
			__builtin_trap();
	}
	strvec_release(&vars);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_dockerfile_ struct dockerfile f;
	struct error err = ERROR_INIT;

	dockerfile_init(&f);
	if (dockerfile_parse(&f, (const char *)data, size, &err) < 0) {
		if (f.n_stages != 0 || err.code != ERROR_INVALID)
			__builtin_trap();
		return 0;
	}
	if (f.n_stages == 0 || f.n_stages > DOCKERFILE_STAGES_MAX)
		__builtin_trap();
	for (size_t i = 0; i < f.n_stages; i++) {
		check_step(&f, &f.stages[i].from);
		for (size_t j = 0; j < f.stages[i].n_steps; j++)
			check_step(&f, &f.stages[i].steps[j]);
	}
	return 0;
}
