/* SPDX-License-Identifier: MIT */
/*
 * One HTTP exchange with nginx over run/router/control.sock, whose folder only the instance's user
 * may enter. The requests are those of router/lua/control.lua.
 */
#ifndef ROUTER_CONTROL_H
#define ROUTER_CONTROL_H

#include "base/error.h"
#include "base/strbuf.h"
#include "instance/instance.h"

/* Sends METHOD TARGET with BODY (NULL: none) and appends the body of a 200 answer to OUT. nginx not
 * running is ERROR_NOT_FOUND; an answer that ends early, takes over 20 s or is not 200 is
 * ERROR_FAILED or ERROR_TIMEOUT. */
int control_ask(const struct instance *inst, const char *method, const char *target,
		const struct strbuf *body, struct strbuf *out, struct error *err);

#endif
