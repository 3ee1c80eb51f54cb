/* SPDX-License-Identifier: MIT */
/* room: runtime */
/* The documents of container images: an index or manifest, docker's manifest.json, and an image's
 * configuration, which is written again as an image of Berth's own and means the same. */
#include "runtime/ocidoc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/quote.h"
#include "base/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void config(const char *text, size_t size)
{
	_cleanup_image_ struct image im;
	_cleanup_image_config_ struct image_config again;
	_cleanup_strvec_ struct strvec ids = STRVEC_INIT, env = STRVEC_INIT, words = STRVEC_INIT;
	struct error err = ERROR_INIT;

	image_init(&im);
	image_config_init(&again);
	if (ocidoc_config(text, size, &im, &ids, &err) < 0)
		return;
	json_auto_t *json = image_config_to_json(&im.config, &im.env);
	if (image_config_from_json(json, &again, &env, &err) < 0 ||
	    again.cmd.n != im.config.cmd.n || env.n != im.env.n ||
	    strcmp(again.cwd, im.config.cwd) != 0 || ids.n > IMAGE_MAX_LAYERS)
		abort();
	/* what it starts is what it says, whatever a shell would make of it */
	image_set_program(&im);
	const char *line = image_command(&im, "web");
	if (!line)
		return;
	image_argv(&im, line, &words);
	if (words.n != im.config.entrypoint.n + im.config.cmd.n)
		abort();
	for (size_t i = 0; i < words.n; i++) {
		size_t n = im.config.entrypoint.n;
		const char *want = i < n ? im.config.entrypoint.v[i] : im.config.cmd.v[i - n];
		if (strcmp(words.v[i], want) != 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_oci_list_ struct oci_list list = {0};
	_cleanup_docker_entry_ struct docker_entry entry = {NULL, STRVEC_INIT, STRVEC_INIT};
	const char *text = (const char *)data;
	struct error err = ERROR_INIT;

	if (ocidoc_list(text, size, &list, &err) == 0 && list.has_config && list.n == 0)
		abort();
	if (ocidoc_docker(text, size, NULL, &entry, &err) == 0 && !*entry.config)
		abort();
	config(text, size);
	return 0;
}
