/* SPDX-License-Identifier: MIT */
#include "buildpacks/content.h"

#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/random.h"
#include "base/strbuf.h"
#include "buildpacks/environment.h"
#include "buildpacks/pump.h"

#define DIGEST_TIME_MS (10u * 60 * 1000)

static bool is_digest(const struct strbuf *text)
{
	return text->len == HASH_TEXT - 1 && strspn(text->data, "0123456789abcdef") == text->len;
}

/* WHAT: "app", "stack" or "packages", as the driver knows them. */
static int measure(const struct instance *inst, const char *what, const struct strvec *layers,
		   struct strbuf *out, struct error *err)
{
	_cleanup_spec_ struct container_spec spec;
	_cleanup_strbuf_ struct strbuf tail = STRBUF_INIT;
	struct pump pump = {
		.out = -1, .err = -1, .cancel_fd = -1, .results = out, .tail = &tail, .alive = -1};
	struct runtime_result result;
	char random[17];

	container_spec_init(&spec);
	random_hex(random, 16);
	spec.id = xasprintf("digest-%s", random);
	spec.label = xasprintf("digest %s", what);
	spec.profile = SPEC_LAYER;
	strvec_push_all(&spec.layers, layers->v);
	spec.network = SPEC_NET_NONE;
	spec.restart = SPEC_RESTART_NO;
	spec.limits.time_ms = DIGEST_TIME_MS;
	container_spec_add_mount(&spec, SPEC_MOUNT_PACKS, "bundled", "/packs", true);
	environment_common(inst, &spec.env);
	strvec_push(&spec.argv, "bash");
	strvec_push(&spec.argv, "/packs/driver/digest");
	strvec_push(&spec.argv, what);
	strbuf_cap(out, 4096);
	if (pump_run(inst, &spec, &pump, &result, err) < 0)
		return error_wrap(err, "digest of the layers");
	strbuf_trim(out);
	if (result.exit_code != 0 || !is_digest(out))
		return error_set(err, ERROR_FAILED, 0,
				 "the digest of the layers could not be made (status %d): %.500s",
				 result.exit_code, tail.data ? tail.data : "");
	return 0;
}

int content_app(const struct instance *inst, const struct strvec *layers, char out[HASH_TEXT],
		struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (measure(inst, "app", layers, &text, err) < 0)
		return -1;
	memcpy(out, text.data, HASH_TEXT);
	return 0;
}

/* The digest of the layer ID, the topmost of LAYERS, which is immutable: kept once it is known. */
static int remember(const struct instance *inst, const char *id, const char *what,
		    const struct strvec *layers, struct hash *h, struct error *err)
{
	_cleanup_free_ char *folder = instance_lib(inst, "contents");
	_cleanup_free_ char *path = instance_lib(inst, "contents/%s", id);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (file_read(AT_FDCWD, path, HASH_TEXT, &text, NULL) < 0 || !is_digest(&text)) {
		strbuf_reset(&text);
		if (measure(inst, what, layers, &text, err) < 0 ||
		    file_make_dirs(folder, 0755, err) < 0 ||
		    file_replace(AT_FDCWD, path, text.data, text.len, 0644, err) < 0)
			return -1;
	}
	hash_addstr(h, text.data);
	return 0;
}

int content_base(const struct instance *inst, const char *stack, const char *runtime,
		 char out[HASH_TEXT], struct error *err)
{
	_cleanup_strvec_ struct strvec layers = STRVEC_INIT;
	struct hash h;
	int result;

	hash_init(&h, "base");
	strvec_pushf(&layers, "layer/%s", stack);
	result = remember(inst, stack, "stack", &layers, &h, err);
	if (result == 0 && runtime) {
		_cleanup_strvec_ struct strvec both = STRVEC_INIT;
		strvec_pushf(&both, "layer/%s", runtime);
		strvec_push_all(&both, layers.v);
		/* its id says what was asked for, the packages what was given */
		hash_addstr(&h, runtime);
		result = remember(inst, runtime, "packages", &both, &h, err);
	}
	hash_text(&h, out);
	return result;
}
