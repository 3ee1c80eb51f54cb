/* SPDX-License-Identifier: MIT */
/* stack:...: the base images that apps are built on. */
#include "control/commands/tables.h"

#include <unistd.h>

#include "base/cleanup.h"
#include "buildpacks/content.h"
#include "control/answer.h"
#include "control/listing.h"
#include "runtime/client.h"

static int stack_import(struct context *c, struct request *rq, struct error *err)
{
	const char *name = rq->args.v[0];
	char digest[HASH_TEXT];
	if (!name_is_id(name))
		return error_set(err, ERROR_INVALID, 0,
				 "stack name '%.80s' is not valid: use lower-case letters, digits, "
				 "'.', '_' and '-'",
				 name);
	if (runtime_layer_exists(c->inst, name))
		return error_set(err, ERROR_EXISTS, 0, "stack '%s' is here already", name);
	if (isatty(STDIN_FILENO))
		return error_set(err, ERROR_USAGE, 0,
				 "the tar comes through stdin: 'stack:import %s "
				 "< stack.tar'",
				 name);
	answer_step(c, "Unpacking stack '%s'", name);
	if (runtime_layer_import(c->inst, name, STDIN_FILENO, err) < 0)
		return -1;
	/* read once, and not while somebody waits for the first push */
	if (content_base(c->inst, name, NULL, digest, err) < 0)
		return -1;
	answer_step(c, "Stack '%s' is ready", name);
	return 0;
}

static int stack_exists(struct context *c, struct request *rq, struct error *err)
{
	(void)err;
	c->exit_status = runtime_layer_exists(c->inst, rq->args.v[0]) ? 0 : 1;
	return 0;
}

const struct command stack_commands[] = {
	{"stack:import", "NAME", "Make a stack from a tar of a root file system on stdin", 0, 1, 1,
	 NULL, stack_import},
	{"stack:exists", "NAME", "Exit with 0 when the stack is here", 0, 1, 1, NULL, stack_exists},
	{0},
};
