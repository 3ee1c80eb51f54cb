/* SPDX-License-Identifier: MIT */
/*
 * The emitter of nginx.conf. The configuration is static: it depends on the instance's settings
 * ([http] address, port, api-host, workers, connections) and on nothing that a tenant wrote; apps
 * and hosts are data (router/table.h). Every value passes one quoting function.
 */
#ifndef ROUTER_CONFIG_H
#define ROUTER_CONFIG_H

#include "base/error.h"
#include "base/strbuf.h"
#include "instance/instance.h"

/* Appends the configuration to OUT, which is undefined on failure. */
int config_emit(const struct instance *inst, struct strbuf *out, struct error *err);

/* Appends VALUE as one quoted word of nginx's language, which is also a Lua string. nginx has no
 * escape for "$", so a value with one, a quote, a backslash or a control character is refused. */
int config_quote(struct strbuf *out, const char *value, struct error *err);

/* [http] port, 1 to 65535, default 80. */
int config_port(const struct instance *inst, unsigned *out, struct error *err);
/* [http] api-host, checked. Owned by the instance. */
int config_api_host(const struct instance *inst, const char **out, struct error *err);

#endif
