/* SPDX-License-Identifier: MIT */
#include "control/context.h"

#include <unistd.h>

int context_open(struct context *c, const struct instance *inst, struct error *err)
{
	c->inst = inst;
	c->out = stdout;
	c->terminal = isatty(STDOUT_FILENO) == 1;
	if (secret_open(&c->secret, inst, err) < 0)
		return -1;
	return db_open(&c->db, inst, err);
}

void context_close(struct context *c)
{
	secret_close(&c->secret);
	if (c->db.handle)
		db_close(&c->db);
}
