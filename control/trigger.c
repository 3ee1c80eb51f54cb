/* SPDX-License-Identifier: MIT */
#include "control/trigger.h"

#include <jansson.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "plugins/host.h"

int trigger_run(struct context *c, const struct app *app, const char *name, const char *extra,
		struct error *err)
{
	_cleanup_strvec_ struct strvec args = STRVEC_INIT;
	json_t *document = json_pack("{s:s, s:o, s:s}", "app", app->name, "release",
				     app->release ? json_sprintf("v%lld", (long long)app->release)
						  : json_null(),
				     "user", c->identity);
	_cleanup_free_ char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
	json_decref(document);
	strvec_push(&args, app->name);
	if (extra)
		strvec_push(&args, extra);
	fflush(c->out);
	return plugin_trigger(c->inst, name, &args, text ? text : "{}", fileno(c->out),
			      STDERR_FILENO, err);
}
