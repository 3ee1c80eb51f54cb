/* SPDX-License-Identifier: MIT */
/* image:...: what an app's image holds. */
#include "control/commands/tables.h"

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "control/oneoff.h"

/* The files lie in a layer that only the app itself may read, so its own container reads them. */
static int sbom(struct context *c, struct request *rq, struct error *err)
{
	static const char *const types[] = {"cdx", "spdx", "syft"};
	const char *type = request_value(rq, "--type");
	_cleanup_release_ struct release r;
	_cleanup_image_ struct image im;
	_cleanup_free_ char *command = NULL;
	int status = 0;
	bool known = !type;
	release_init(&r);
	image_init(&im);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		known = known || strcmp(type, types[i]) == 0;
	if (!known)
		return error_set(err, ERROR_USAGE, 0, "--type is cdx, spdx or syft, not '%.40s'",
				 type);
	if (release_load_image(c, &rq->app, &r, &im, err) < 0)
		return -1;
	if (type)
		command = xasprintf("cd /app/.cnb/sbom 2>/dev/null && find . -name '*.sbom.%s.json'"
				    " | sort | xargs -r cat | grep .",
				    type);
	else
		command = xstrdup("cd /app/.cnb/sbom 2>/dev/null && find . -name '*.json'"
				  " | sed 's,^./,,' | sort | grep .");
	struct oneoff one = {.command = command,
			     .name = "run.sbom",
			     .stdio = {-1, STDOUT_FILENO, STDERR_FILENO},
			     .time_s = 60};
	if (oneoff_run(c, &rq->app, &r, &im, &one, &status, err) < 0)
		return -1;
	if (status != 0)
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "the buildpacks of '%s' left no bill of materials%s%s",
				 rq->app.name, type ? " of type " : "", type ? type : "");
	return 0;
}

static const struct option_spec sbom_options[] = {
	{"--type", NULL, "cdx|spdx|syft", "print the documents of this type"}, {0}};

const struct command image_commands[] = {
	{"image:sbom", "APP", "List or print the bills of materials that buildpacks left",
	 COMMAND_APP, 0, 0, sbom_options, sbom},
	{0},
};
