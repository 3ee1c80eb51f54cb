/* SPDX-License-Identifier: MIT */
#include "control/imagepull.h"

#include "base/cleanup.h"
#include "buildpacks/stage.h"
#include "control/answer.h"
#include "control/registry.h"

char *imagepull_size(uint64_t bytes)
{
	if (bytes == 0)
		return xstrdup("");
	if (bytes < 1000000)
		return xasprintf("%.1f kB", (double)bytes / 1e3);
	return xasprintf("%.1f MB", (double)bytes / 1e6);
}

static void say_layer(void *data, size_t i, size_t n, const char *digest, uint64_t bytes, bool here)
{
	struct context *c = data;
	_cleanup_free_ char *size = imagepull_size(here ? 0 : bytes);
	answer_detail(c, "Layer %zu of %zu: %.12s%s%s%s", i, n, digest, *size ? ", " : "", size,
		      here ? " is here already" : "");
	fflush(c->out);
}

struct intake imagepull_intake(struct context *c, const char *name)
{
	return (struct intake){.inst = c->inst, .name = name, .progress = say_layer, .data = c};
}

int imagepull_run(struct context *c, const char *ref, struct image *im, struct error *err)
{
	_cleanup_stage_ struct stage stage = STAGE_INIT;
	_cleanup_parcel_ struct parcel parcel = PARCEL_INIT;
	struct intake in = imagepull_intake(c, NULL);
	if (stage_make(c->inst, &stage, err) < 0)
		return -1;
	_cleanup_free_ char *folder = xasprintf("%s/oci", stage.folder);
	answer_step(c, "Pulling %s", ref);
	if (registry_pull(c, ref, folder, err) < 0 || parcel_open_folder(folder, &parcel, err) < 0)
		return -1;
	im->source = xstrdup(ref);
	answer_step(c, "Unpacking %s", ref);
	if (intake_image(&in, &parcel, im, NULL, err) < 0)
		return error_wrap(err, "image '%s'", ref);
	return 0;
}
