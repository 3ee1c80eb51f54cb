/* SPDX-License-Identifier: MIT */
#include "runtime/image.h"

#include <fcntl.h>
#include <jansson.h>
#include <sodium.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/quote.h"
#include "base/strbuf.h"
#include "instance/name.h"

#define IMAGE_MAX (8u << 20) /* bytes of an image's file */
#define ID_BYTES 16

void image_init(struct image *im)
{
	*im = (struct image){0};
	strvec_init(&im->layers);
	strvec_init(&im->env);
	strvec_init(&im->packs);
	image_config_init(&im->config);
}

void image_release(struct image *im)
{
	for (size_t i = 0; i < im->n_processes; i++) {
		free(im->processes[i].type);
		free(im->processes[i].command);
	}
	for (size_t i = 0; i < im->n_history; i++) {
		free(im->history[i].created);
		free(im->history[i].created_by);
		free(im->history[i].comment);
	}
	free(im->processes);
	free(im->history);
	free(im->architecture);
	free(im->created);
	free(im->source);
	image_config_release(&im->config);
	free(im->id);
	free(im->base);
	free(im->tree);
	free(im->builder);
	strvec_release(&im->layers);
	strvec_release(&im->env);
	strvec_release(&im->packs);
	image_init(im);
}

void image_add_process(struct image *im, const char *type, const char *command)
{
	im->processes = xreallocarray(im->processes, im->n_processes + 1, sizeof(*im->processes));
	im->processes[im->n_processes++] = (struct image_process){xstrdup(type), xstrdup(command)};
}

void image_add_step(struct image *im, const char *created, const char *created_by,
		    const char *comment, bool empty)
{
	im->history = xreallocarray(im->history, im->n_history + 1, sizeof(*im->history));
	im->history[im->n_history++] =
		(struct image_step){xstrdup(created), xstrdup(created_by), xstrdup(comment), empty};
}

void image_set_program(struct image *im)
{
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;

	for (size_t i = 0; i < im->config.entrypoint.n; i++)
		strvec_push(&words, im->config.entrypoint.v[i]);
	for (size_t i = 0; i < im->config.cmd.n; i++)
		strvec_push(&words, im->config.cmd.v[i]);
	if (words.n == 0 || !*words.v[0])
		return;
	quote_words(&line, &words);
	image_add_process(im, "web", line.data);
}

const char *image_command(const struct image *im, const char *type)
{
	for (size_t i = 0; i < im->n_processes; i++)
		if (str_equal(im->processes[i].type, type))
			return im->processes[i].command;
	return NULL;
}

/* Commands are bytes and JSON is UTF-8: a byte past ASCII that is no UTF-8 travels as U+0080 to
 * U+00FF behind the mark. */
#define BYTES_MARK "\x01"

static json_t *text_to_json(const char *s)
{
	json_t *plain = str_starts(s, BYTES_MARK) ? NULL : json_string(s);

	if (plain)
		return plain;
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	strbuf_addstr(&sb, BYTES_MARK);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c < 0x80) {
			strbuf_addch(&sb, *s);
		} else {
			strbuf_addch(&sb, (char)(0xc0 | (c >> 6)));
			strbuf_addch(&sb, (char)(0x80 | (c & 0x3f)));
		}
	}
	return json_string(sb.data);
}

static char *text_from_json(const json_t *v)
{
	const char *s = json_string_value(v);
	const char *coded = s ? str_skip(s, BYTES_MARK) : NULL;

	if (!coded)
		return s ? xstrdup(s) : NULL;
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	for (; *coded; coded++) {
		unsigned char c = (unsigned char)*coded;
		if (c >= 0x80 && coded[1])
			c = (unsigned char)((c << 6) | ((unsigned char)*++coded & 0x3f));
		strbuf_addch(&sb, (char)c);
	}
	return strbuf_detach(&sb);
}

static json_t *list_to_json(const struct strvec *sv)
{
	json_t *list = json_array();

	for (size_t i = 0; i < sv->n; i++)
		json_array_append_new(list, text_to_json(sv->v[i]));
	return list;
}

static int list_from_json(const json_t *list, struct strvec *out, struct error *err)
{
	if (!json_is_array(list))
		return error_set(err, ERROR_INVALID, 0, "a list is missing");
	for (size_t i = 0; i < json_array_size(list); i++) {
		char *s = text_from_json(json_array_get(list, i));
		if (!s)
			return error_set(err, ERROR_INVALID, 0,
					 "a list holds something else than text");
		strvec_push_take(out, s);
	}
	return 0;
}

static json_t *plain_text(const char *s)
{
	return json_string(s ? s : "");
}

static void container_to_json(const struct image *im, json_t *doc)
{
	const struct strvec none = STRVEC_INIT;
	json_t *history = json_array();

	for (size_t i = 0; i < im->n_history; i++) {
		const struct image_step *s = &im->history[i];
		json_array_append_new(history, json_pack("{s:s,s:s,s:s,s:b}", "created", s->created,
							 "created_by", s->created_by, "comment",
							 s->comment, "empty", s->empty));
	}
	json_object_set_new(doc, "config", image_config_to_json(&im->config, &none));
	json_object_set_new(doc, "history", history);
	json_object_set_new(doc, "architecture", plain_text(im->architecture));
	json_object_set_new(doc, "created", plain_text(im->created));
	json_object_set_new(doc, "source", plain_text(im->source));
	if (im->port > 0)
		json_object_set_new(doc, "port", json_integer(im->port));
}

static json_t *image_to_json(const struct image *im)
{
	json_t *doc = json_object(), *processes = json_array();

	for (size_t i = 0; i < im->n_processes; i++) {
		json_t *p = json_object();
		json_object_set_new(p, "type", json_string(im->processes[i].type));
		json_object_set_new(p, "command", text_to_json(im->processes[i].command));
		json_array_append_new(processes, p);
	}
	json_object_set_new(doc, "version", json_integer(1));
	json_object_set_new(doc, "layers", list_to_json(&im->layers));
	json_object_set_new(doc, "processes", processes);
	json_object_set_new(doc, "env", list_to_json(&im->env));
	json_object_set_new(doc, "packs", list_to_json(&im->packs));
	if (im->base)
		json_object_set_new(doc, "base", json_string(im->base));
	json_object_set_new(doc, "tree", im->tree ? json_string(im->tree) : json_null());
	json_object_set_new(doc, "builder", json_string(im->builder ? im->builder : ""));
	if (im->container)
		container_to_json(im, doc);
	return doc;
}

int image_save(const struct instance *inst, struct image *im, struct error *err)
{
	unsigned char hash[ID_BYTES];
	char id[ID_BYTES * 2 + 1];
	json_auto_t *doc = image_to_json(im);
	_cleanup_free_ char *text = json_dumps(doc, JSON_SORT_KEYS | JSON_COMPACT);

	if (!text)
		return error_set(err, ERROR_INVALID, 0, "the image cannot be written as JSON");
	crypto_generichash(hash, sizeof(hash), (unsigned char *)text, strlen(text), NULL, 0);
	sodium_bin2hex(id, sizeof(id), hash, sizeof(hash));

	_cleanup_free_ char *folder = instance_lib(inst, "images");
	_cleanup_free_ char *path = instance_lib(inst, "images/%s.json", id);
	if (!file_exists(AT_FDCWD, path)) {
		if (file_make_dirs(folder, 0755, err) < 0 ||
		    file_replace(AT_FDCWD, path, text, strlen(text), 0644, err) < 0)
			return error_wrap(err, "write image '%s'", id);
	}
	free(im->id);
	im->id = xstrdup(id);
	return 0;
}

static int load_processes(struct image *im, const json_t *list, struct error *err)
{
	if (!json_is_array(list))
		return error_set(err, ERROR_INVALID, 0, "'processes' is missing");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *p = json_array_get(list, i);
		const char *type = json_string_value(json_object_get(p, "type"));
		_cleanup_free_ char *command = text_from_json(json_object_get(p, "command"));
		if (!type || !command)
			return error_set(err, ERROR_INVALID, 0, "process %zu is incomplete", i);
		image_add_process(im, type, command);
	}
	return 0;
}

static char *text_member(const json_t *doc, const char *member)
{
	const char *s = json_string_value(json_object_get(doc, member));

	return xstrdup(s ? s : "");
}

static int load_container(struct image *im, const json_t *doc, struct error *err)
{
	_cleanup_strvec_ struct strvec none = STRVEC_INIT;
	const json_t *config = json_object_get(doc, "config");
	const json_t *history = json_object_get(doc, "history");

	if (!config)
		return 0;
	if (image_config_from_json(config, &im->config, &none, err) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(history); i++) {
		const json_t *s = json_array_get(history, i);
		_cleanup_free_ char *created = text_member(s, "created");
		_cleanup_free_ char *by = text_member(s, "created_by");
		_cleanup_free_ char *comment = text_member(s, "comment");
		image_add_step(im, created, by, comment, json_is_true(json_object_get(s, "empty")));
	}
	im->container = true;
	im->architecture = text_member(doc, "architecture");
	im->created = text_member(doc, "created");
	im->source = text_member(doc, "source");
	im->port = (int)json_integer_value(json_object_get(doc, "port"));
	return 0;
}

int image_load(const struct instance *inst, const char *id, struct image *im, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_image_ struct image loaded;
	json_error_t why;

	image_init(&loaded);
	if (!name_is_id(id))
		return error_set(err, ERROR_INVALID, 0, "'%s' is no image id", id);
	_cleanup_free_ char *path = instance_lib(inst, "images/%s.json", id);
	if (file_read(AT_FDCWD, path, IMAGE_MAX, &text, err) < 0)
		return error_wrap(err, "image '%s'", id);
	json_auto_t *doc = json_loadb(text.data, text.len, 0, &why);
	if (!doc)
		return error_set(err, ERROR_INVALID, 0, "image '%s': %s", id, why.text);
	if (load_processes(&loaded, json_object_get(doc, "processes"), err) < 0 ||
	    list_from_json(json_object_get(doc, "layers"), &loaded.layers, err) < 0 ||
	    list_from_json(json_object_get(doc, "env"), &loaded.env, err) < 0 ||
	    list_from_json(json_object_get(doc, "packs"), &loaded.packs, err) < 0 ||
	    load_container(&loaded, doc, err) < 0)
		return error_wrap(err, "image '%s'", id);
	const char *base = json_string_value(json_object_get(doc, "base"));
	const char *tree = json_string_value(json_object_get(doc, "tree"));
	const char *builder = json_string_value(json_object_get(doc, "builder"));
	loaded.base = base ? xstrdup(base) : NULL;
	loaded.tree = tree ? xstrdup(tree) : NULL;
	loaded.builder = xstrdup(builder ? builder : "");
	loaded.id = xstrdup(id);
	*im = loaded;
	image_init(&loaded);
	return 0;
}

/* Sources what the app's profile says, then becomes the command: `bash -c` executes a simple
 * command, and the last one of a list, in its own place, so that the program receives signals
 * itself. An `exec` pasted in front would change the meaning of lists, pipes and assignments. */
static const char launcher[] = "shopt -s nullglob\n"
			       "for f in /app/.profile.d/*.sh; do . \"$f\"; done\n"
			       "[ ! -f /app/.profile ] || . /app/.profile\n"
			       "shopt -u nullglob\n"
			       "unset f\n"
			       "exec bash -c \"$1\"";

void image_launch_argv(const char *command, struct strvec *argv)
{
	strvec_push(argv, "bash");
	strvec_push(argv, "-c");
	strvec_push(argv, launcher);
	strvec_push(argv, "bash");
	strvec_push(argv, command);
}

void image_argv(const struct image *im, const char *command, struct strvec *argv)
{
	if (!im->container) {
		image_launch_argv(command, argv);
	} else if (!quote_split(command, argv)) {
		strvec_push(argv, "/bin/sh");
		strvec_push(argv, "-c");
		strvec_push(argv, command);
	}
}
