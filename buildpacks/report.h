/* SPDX-License-Identifier: MIT */
/*
 * What the driver script (share/berth/buildpacks/driver/build) reports from inside a build
 * container: records "KIND PACK LENGTH\n" followed by LENGTH bytes. A tenant's code can write here
 * too, so nothing in it is believed beyond what a buildpack may say anyway.
 *
 *   detect PACK name    what bin/detect printed
 *   release PACK yaml   what bin/release printed
 *   procfile PACK text  the app's Procfile after compile
 *   whole PACK -        compile needs the whole source
 *   failed PACK text    "STEP STATUS": the build ends here
 */
#ifndef BUILDPACKS_REPORT_H
#define BUILDPACKS_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "buildpacks/procfile.h"
#include "buildpacks/defaults.h"

#define REPORT_MAX (8u << 20)
#define REPORT_TITLE_MAX 80

struct report {
	char *title;              /* of the last pack, cleaned for display; or NULL */
	struct defaults defaults; /* the last pack's that said anything */
	bool has_procfile;
	struct procfile procfile;
	bool whole;
	char *failed_step; /* "detect", "compile", "release", or NULL */
	int failed_status;
	size_t failed_pack; /* index */
};
#define REPORT_INIT                                                                                \
	{                                                                                          \
		.defaults = DEFAULTS_INIT, .procfile = PROCFILE_INIT                               \
	}

void report_release(struct report *r);
#define _cleanup_report_ _cleanup_(report_release)

/* Reads DATA into R, which must be empty; releasable on failure. */
int report_parse(struct report *r, const char *data, size_t len, struct error *err);

#endif
