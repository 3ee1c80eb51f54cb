/* SPDX-License-Identifier: MIT */
#include "control/dockerfile.h"

#include <string.h>

#include "base/cleanup.h"
#include "buildpacks/source.h"
#include "control/imagepull.h"
#include "control/imagetag.h"
#include "control/source.h"
#include "instance/name.h"
#include "receiver/words.h"
#include "runtime/client.h"

#define TARGET_MAX 200

int dockerfile_check_path(const char *path, struct error *err)
{
	return source_check_dir(path, err);
}

static int split_args(const char *text, struct strvec *out, struct error *err)
{
	size_t first = out->n;
	if (words_split(text, strlen(text), out, err) < 0)
		return -1;
	for (size_t i = first; i < out->n; i++) {
		const char *word = out->v[i];
		size_t n = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					"0123456789_");
		if (n == 0 || (*word >= '0' && *word <= '9') || word[n] != '=')
			return error_set(err, ERROR_INVALID, 0, "expected NAME=VALUE, not '%.80s'",
					 word);
	}
	return 0;
}

int dockerfile_check_args(const char *text, struct error *err)
{
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	return split_args(text, &words, err);
}

int dockerfile_check_target(const char *name, struct error *err)
{
	if (*name && strlen(name) <= TARGET_MAX &&
	    !name[strspn(name,
			 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")])
		return 0;
	return error_set(err, ERROR_INVALID, 0, "'%.80s' is no name of a stage", name);
}

int dockerfile_args(struct context *c, const struct app *app, struct strvec *out, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	if (setting_get(&c->db, app->id, "build-args", "", &text, err) < 0)
		return -1;
	return split_args(text, out, err);
}

int dockerfile_choose(struct context *c, const struct app *app, const char *tree,
		      const struct strvec *packs, char **out, struct error *err)
{
	_cleanup_free_ char *builder = NULL, *path = NULL;
	_cleanup_close_ int source = -1;
	*out = NULL;
	if (setting_get(&c->db, app->id, "builder", "", &builder, err) < 0 ||
	    setting_get(&c->db, app->id, "dockerfile-path", "Dockerfile", &path, err) < 0 ||
	    source_open(c->inst, tree, &source, err) < 0)
		return -1;
	bool chosen = strcmp(builder, "dockerfile") == 0, there = source_has(source, path);
	if (chosen && !there)
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "the source has no file '%.200s': 'builder-dockerfile:set %s "
				 "dockerfile-path PATH' says where it is",
				 path, app->name);
	bool other = strcmp(builder, "buildpacks") == 0 || packs->n > 0 ||
		     source_has(source, "Procfile") || source_has(source, ".buildpacks");
	if (chosen || (there && !other))
		*out = TAKE_PTR(path);
	return 0;
}

/* The stack that [build] base-images gives NAME: "debian:bookworm=debian-12 ...". */
static char *mapped(struct context *c, const char *name)
{
	const char *s = instance_setting(c->inst, "build", "base-images", "");
	size_t len = strlen(name);
	for (s += strspn(s, " \t,"); *s; s += strspn(s, " \t,")) {
		size_t n = strcspn(s, " \t,");
		if (n > len + 1 && strncmp(s, name, len) == 0 && s[len] == '=')
			return xstrndup(s + len + 1, n - len - 1);
		s += n;
	}
	return NULL;
}

/* A stack starts a shell and says nothing else. */
static void fill_stack(const char *stack, struct image *out)
{
	strvec_pushf(&out->layers, "layer/%s", stack);
	strvec_push(&out->env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	strvec_push(&out->config.cmd, "bash");
	out->container = true;
}

int dockerfile_base(void *data, const char *name, struct image *out, struct error *err)
{
	struct context *c = data;
	struct error why = ERROR_INIT;
	_cleanup_free_ char *id = NULL, *stack = mapped(c, name);
	if (!stack && imagetag_find(c, name, &id, &why) == 0)
		return image_load(c->inst, id, out, err);
	const char *layer = stack ? stack : name;
	if (name_is_id(layer) && runtime_layer_exists(c->inst, layer)) {
		fill_stack(layer, out);
		return 0;
	}
	if (stack)
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "[build] base-images of berth.conf gives '%.200s' the stack '%s', "
				 "which is not here: 'berth stack:import %s < stack.tar'",
				 name, stack, stack);
	if (!imagetag_is_name(name))
		return error_set(err, ERROR_INVALID, 0, "'%.200s' is no name of an image", name);
	if (imagepull_run(c, name, out, err) < 0)
		return -1;
	_cleanup_free_ char *full = imagetag_full(name);
	return imagetag_set(&c->db, full, out->id, err);
}
