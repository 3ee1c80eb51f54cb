/* SPDX-License-Identifier: MIT */
#include "control/step.h"

#include "base/cleanup.h"
#include "base/printable.h"
#include "buildpacks/hint.h"
#include "control/answer.h"
#include "control/oneoff.h"

#define SHOWN_MAX 200 /* bytes of the command and of its last line */

/* The last line of TEXT that is not blank, as a terminal may see it. */
static void last_line(const struct strbuf *text, struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	size_t end = text->len, start;

	while (end > 0 && strchr(" \t\r\n", text->data[end - 1]))
		end--;
	for (start = end; start > 0 && text->data[start - 1] != '\n'; start--)
		;
	strbuf_addf(&line, "%.*s", (int)(end - start), text->data + start);
	strbuf_trim(&line);
	strbuf_truncate(&line, line.len < SHOWN_MAX ? line.len : SHOWN_MAX);
	printable_add(out, line.data);
}

int step_run(struct context *c, const struct app *app, const struct release *r,
	     const struct image *im, const struct step *step, struct error *err)
{
	_cleanup_strbuf_ struct strbuf tail = STRBUF_INIT, said = STRBUF_INIT;
	int status = 0;
	struct oneoff one = {
		.command = step->command,
		.name = step->name,
		.stdio = {-1, fileno(c->out), fileno(c->out)},
		.tail = &tail,
		.time_s = STEP_TIMEOUT_S,
	};

	answer_step(c, "Running %s", step->what);
	if (oneoff_run(c, app, r, im, &one, &status, err) < 0) {
		error_wrap(err, "the %s '%.*s'", step->what, SHOWN_MAX, step->command);
		return hint_add(HINT_STEP, tail.data, err);
	}
	if (status == 0)
		return 0;
	last_line(&tail, &said);
	error_set(err, ERROR_FAILED, 0, "the %s '%.*s' failed with status %d%s%s%s", step->what,
		  SHOWN_MAX, step->command, status, said.len ? ", its last words '" : "", said.data,
		  said.len ? "'" : "");
	return hint_add(HINT_STEP, tail.data, err);
}
