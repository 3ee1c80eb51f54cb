/* SPDX-License-Identifier: MIT */
#include "buildpacks/outcome.h"

#include <fcntl.h>
#include <jansson.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"

#define OUTCOME_MAX (1u << 20)

void outcome_release(struct outcome *o)
{
	free(o->layer);
	free(o->title);
	defaults_release(&o->defaults);
}

static json_t *list(const struct strvec *sv)
{
	json_t *out = json_array();

	for (size_t i = 0; i < sv->n; i++)
		json_array_append_new(out, json_string(sv->v[i]));
	return out;
}

int outcome_save(const struct instance *inst, const char *key, const struct outcome *o,
		 struct error *err)
{
	_cleanup_free_ char *folder = instance_lib(inst, "builds");
	_cleanup_free_ char *path = instance_lib(inst, "builds/%s.json", key);
	json_auto_t *doc = json_object();

	json_object_set_new(doc, "layer", json_string(o->layer));
	json_object_set_new(doc, "title", json_string(o->title ? o->title : ""));
	json_object_set_new(doc, "whole", json_boolean(o->whole));
	json_object_set_new(doc, "types", list(&o->defaults.types));
	json_object_set_new(doc, "env", list(&o->defaults.env));
	_cleanup_free_ char *text = json_dumps(doc, JSON_COMPACT);
	if (!text)
		return error_set(err, ERROR_INVALID, 0, "a default process is not valid UTF-8");
	/* a pack's config vars may be secrets */
	if (file_make_dirs(folder, 0750, err) < 0)
		return -1;
	return file_replace(AT_FDCWD, path, text, strlen(text), 0640, err);
}

static void read_list(const json_t *v, struct strvec *out)
{
	for (size_t i = 0; i < json_array_size(v); i++) {
		const char *s = json_string_value(json_array_get(v, i));
		if (s && strchr(s, '='))
			strvec_push(out, s);
	}
}

int outcome_load(const struct instance *inst, const char *key, struct outcome *o, struct error *err)
{
	_cleanup_free_ char *path = instance_lib(inst, "builds/%s.json", key);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (file_read(AT_FDCWD, path, OUTCOME_MAX, &text, err) < 0)
		return -1;
	json_auto_t *doc = json_loadb(text.data, text.len, 0, NULL);
	const char *title = json_string_value(json_object_get(doc, "title"));
	const char *layer = json_string_value(json_object_get(doc, "layer"));
	if (!title || !layer)
		return error_set(err, ERROR_NOT_FOUND, 0, "'%s' is not readable", path);
	o->layer = xstrdup(layer);
	o->title = xstrdup(title);
	o->whole = json_is_true(json_object_get(doc, "whole"));
	read_list(json_object_get(doc, "types"), &o->defaults.types);
	read_list(json_object_get(doc, "env"), &o->defaults.env);
	return 0;
}
