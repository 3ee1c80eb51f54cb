/* SPDX-License-Identifier: MIT */
#include "buildpacks/imagework.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "buildpacks/dockervar.h"
#include "buildpacks/imagebuild.h"
#include "buildpacks/imagekept.h"
#include "runtime/client.h"

void imagework_release(struct imagework *w)
{
	for (size_t i = 0; i < w->f.n_stages && w->stages; i++) {
		image_release(&w->stages[i].im);
		strvec_release(&w->stages[i].args);
		free(w->stages[i].needs);
	}
	free(w->stages);
	for (size_t i = 0; i < w->image_names.n; i++)
		image_release(&w->images[i]);
	free(w->images);
	strvec_release(&w->image_names);
	dockerfile_release(&w->f);
	strvec_release(&w->globals);
	strvec_release(&w->used);
	strvec_release(&w->kept);
	strvec_release(&w->made);
}

int imagework_in_line(const struct docker_step *step, struct error *err)
{
	return error_wrap(err, "Dockerfile line %u: %.200s", step->line, step->text);
}

/* --- variables --- */

const char *imagework_built_in(const char *name)
{
#if defined(__aarch64__)
	static const char arch[] = "arm64", platform[] = "linux/arm64";
#else
	static const char arch[] = "amd64", platform[] = "linux/amd64";
#endif
	if (str_equal(name, "TARGETPLATFORM") || str_equal(name, "BUILDPLATFORM"))
		return platform;
	if (str_equal(name, "TARGETOS") || str_equal(name, "BUILDOS"))
		return "linux";
	if (str_equal(name, "TARGETARCH") || str_equal(name, "BUILDARCH"))
		return arch;
	if (str_equal(name, "TARGETVARIANT") || str_equal(name, "BUILDVARIANT"))
		return "";
	return NULL;
}

void imagework_add_built_ins(struct strvec *vars)
{
	static const char *const names[] = {"TARGETPLATFORM", "TARGETOS",      "TARGETARCH",
					    "TARGETVARIANT",  "BUILDPLATFORM", "BUILDOS",
					    "BUILDARCH",      "BUILDVARIANT"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		strvec_setenv(vars, names[i], imagework_built_in(names[i]));
}

int imagework_expand(const struct imagework *w, const struct strvec *vars, const char *word,
		     bool quotes, struct strbuf *out, struct error *err)
{
	struct dockervar how = {.vars = vars, .escape = w->f.escape, .keep_quotes = !quotes};
	size_t ignored;

	return dockervar_expand(&how, word, out, &ignored, err);
}

/* What instructions of STAGE see: its ARGs, and its ENV before them. */
void imagework_visible(const struct stage_state *s, struct strvec *vars)
{
	strvec_push_all(vars, s->args.v);
	for (size_t i = 0; i < s->im.env.n; i++) {
		const char *equals = strchr(s->im.env.v[i], '=');
		_cleanup_free_ char *key =
			xstrndup(s->im.env.v[i], (size_t)(equals - s->im.env.v[i]));
		strvec_setenv(vars, key, equals + 1);
	}
}

/* ARG: the operator's value, else one from before FROM, else its own. */
int imagework_declare(const struct imagework *w, const struct docker_step *step,
		      const struct strvec *vars, const struct strvec *outer, struct strvec *args,
		      struct error *err)
{
	for (size_t i = 0; i < step->words.n; i++) {
		const char *word = step->words.v[i], *equals = strchr(word, '=');
		_cleanup_free_ char *key =
			xstrndup(word, equals ? (size_t)(equals - word) : strlen(word));
		const char *given = w->b->args ? strvec_getenv(w->b->args, key) : NULL;
		_cleanup_strbuf_ struct strbuf own = STRBUF_INIT;

		if (equals && imagework_expand(w, vars, equals + 1, true, &own, err) < 0)
			return imagework_in_line(step, err);
		if (!given && !equals && outer)
			given = strvec_getenv(outer, key);
		if (!given && !equals)
			given = imagework_built_in(key);
		if (given || equals)
			strvec_setenv(args, key, given ? given : own.data);
	}
	return 0;
}

/* The instructions whose arguments are expanded: all but what a shell reads. */
static bool is_expanded(const struct docker_step *step)
{
	switch (step->op) {
	case DOCKER_RUN:
	case DOCKER_CMD:
	case DOCKER_ENTRYPOINT:
	case DOCKER_HEALTHCHECK:
	case DOCKER_SHELL:
	case DOCKER_ONBUILD:
	case DOCKER_MAINTAINER:
		return false;
	default:
		return true;
	}
}

/* What a variable of EXPOSE has is as many words as it looks like. */
static void push_split(struct strvec *out, const char *text)
{
	static const char blank[] = " \t\r\n";

	for (text += strspn(text, blank); *text; text += strspn(text, blank)) {
		size_t len = strcspn(text, blank);
		_cleanup_free_ char *word = xstrndup(text, len);
		strvec_push(out, word);
		text += len;
	}
}

int imagework_words(const struct imagework *w, const struct docker_step *step,
		    const struct strvec *vars, struct strvec *out, struct error *err)
{
	for (size_t i = 0; i < step->words.n; i++) {
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
		if (!is_expanded(step)) {
			strvec_push(out, step->words.v[i]);
			continue;
		}
		if (imagework_expand(w, vars, step->words.v[i], true, &text, err) < 0)
			return -1;
		if (step->op == DOCKER_EXPOSE)
			push_split(out, text.data);
		else
			strvec_push(out, text.data);
	}
	return 0;
}

/* The option NAME expanded into *out, NULL when it is not there. */
int imagework_option(const struct imagework *w, const struct docker_step *step,
		     const struct strvec *vars, const char *name, char **out, struct error *err)
{
	const char *value = docker_step_option(step, name);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (!value)
		return 0;
	if (imagework_expand(w, vars, value, true, &text, err) < 0)
		return -1;
	*out = strbuf_detach(&text);
	return 0;
}

/* --- layers --- */

int imagework_empty(const struct build *b, struct error *err)
{
	/* tar(5): a folder that each container has anyway, and two blocks of zeros for the end */
	char tar[3 * 512] = "tmp/";
	unsigned sum = 0;
	int ends[2];
	struct error why = ERROR_INIT;

	if (runtime_layer_exists(b->inst, IMAGEBUILD_EMPTY))
		return 0;
	memcpy(tar + 100, "0001777", 8);
	memcpy(tar + 108, "0000000", 8);
	memcpy(tar + 116, "0000000", 8);
	memcpy(tar + 124, "00000000000", 12);
	memcpy(tar + 136, "00000000000", 12);
	memcpy(tar + 148, "        5", 9);
	memcpy(tar + 257, "ustar\00000", 8);
	for (size_t i = 0; i < 512; i++)
		sum += (unsigned char)tar[i];
	snprintf(tar + 148, 8, "%06o", sum);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a pipe");
	int result = file_write_all(ends[1], tar, sizeof(tar), err);
	close(ends[1]);
	if (result == 0)
		result = runtime_layer_import(b->inst, IMAGEBUILD_EMPTY, ends[0], &why);
	close(ends[0]);
	if (result < 0 && why.code == ERROR_EXISTS)
		return 0;
	if (result < 0 && why.code)
		*err = why;
	return result;
}

/* The layers of IM to run something on: never none. */
int imagework_layers(const struct imagework *w, const struct image *im, struct strvec *out,
		     struct error *err)
{
	strvec_push_all(out, im->layers.v);
	if (out->n > 0)
		return 0;
	strvec_push(out, "layer/" IMAGEBUILD_EMPTY);
	return imagework_empty(w->b, err);
}

void imagework_use(struct imagework *w, struct image *im, const char *id)
{
	_cleanup_free_ char *ref = xasprintf("layer/%s", id);

	strvec_insert(&im->layers, 0, ref);
	if (!strvec_has(&w->used, id))
		strvec_push(&w->used, id);
}

/* Puts the layer of KEY on IM: the one that is there, or what MAKE makes. Who needs one that
 * another build is making waits for it. */
int imagework_ensure(struct imagework *w, struct image *im, struct hash *key, imagework_make *make,
		     void *data, bool *out_cached, struct error *err)
{
	const struct build *b = w->b;
	_cleanup_close_ int lock = -1;
	char text[HASH_TEXT];

	if (im->layers.n >= IMAGE_MAX_LAYERS)
		return error_set(err, ERROR_INVALID, 0, "more than %d layers: join some RUN lines",
				 IMAGE_MAX_LAYERS);
	hash_text(key, text);
	_cleanup_free_ char *id = xasprintf(IMAGEBUILD_LAYER "%s", text);
	_cleanup_free_ char *path = instance_run(b->inst, "locks/layer-%s", id);
	*out_cached = runtime_layer_exists(b->inst, id);
	if (!*out_cached) {
		if ((b->turn && b->turn(b->turn_data, err) < 0) ||
		    file_lock(path, true, &lock, err) < 0)
			return -1;
		*out_cached = runtime_layer_exists(b->inst, id);
	}
	if (!*out_cached && w->report >= 0)
		dprintf(w->report, "making %s\n", id);
	if (!*out_cached &&
	    (make(w, id, data, err) < 0 || runtime_layer_commit(b->inst, id, err) < 0)) {
		runtime_layer_remove(b->inst, id, NULL);
		return -1;
	}
	imagework_use(w, im, id);
	return 0;
}

void imagework_learn(struct imagework *w, const char *key, const char *value)
{
	_cleanup_free_ char *line = xasprintf(IMAGEKEPT_DIGEST "%s/%s", key, value);

	if (!strvec_has(&w->used, line))
		strvec_push(&w->used, line);
}

bool imagework_known(struct imagework *w, const char *key, char out[HASH_TEXT])
{
	_cleanup_free_ char *begin = xasprintf(IMAGEKEPT_DIGEST "%s/", key);

	for (size_t i = 0; i < w->kept.n; i++) {
		const char *value = str_skip(w->kept.v[i], begin);
		if (!value || strlen(value) != HASH_TEXT - 1)
			continue;
		memcpy(out, value, HASH_TEXT);
		imagework_learn(w, key, out);
		return true;
	}
	return false;
}

/* What every layer depends on. */
void imagework_key(const struct imagework *w, const char *kind, const struct image *im,
		   struct hash *h)
{
	hash_init(h, kind);
	hash_addstr(h, w->b->salt);
	hash_addlist(h, &im->layers);
}

/* --- images that others are built on --- */

int imagework_image(struct imagework *w, const char *name, const struct image **out,
		    struct error *err)
{
	_cleanup_image_ struct image im;

	for (size_t i = 0; i < w->image_names.n; i++) {
		if (str_equal(w->image_names.v[i], name)) {
			*out = &w->images[i];
			return 0;
		}
	}
	image_init(&im);
	if (!w->b->base)
		return error_set(err, ERROR_NOT_FOUND, 0, "no image '%.200s'", name);
	if (w->b->base(w->b->base_data, name, &im, err) < 0)
		return -1;
	w->images = xreallocarray(w->images, w->image_names.n + 1, sizeof(*w->images));
	w->images[w->image_names.n] = im;
	image_init(&im);
	*out = &w->images[w->image_names.n];
	strvec_push(&w->image_names, name);
	return 0;
}

/* The layers that --from=NAME of stage N means. */
int imagework_layers_from(struct imagework *w, size_t n, const char *name, struct strvec *out,
			  struct error *err)
{
	const struct image *im;
	long other;

	if (dockerfile_from(&w->f, name, n, &other, err) < 0)
		return -1;
	if (other >= 0 && !w->stages[other].done)
		return error_set(err, ERROR_UNSUPPORTED, 0,
				 "the stage '%s' is named through a variable: write its name",
				 name);
	if (other >= 0)
		return imagework_layers(w, &w->stages[other].im, out, err);
	if (imagework_image(w, name, &im, err) < 0)
		return -1;
	return imagework_layers(w, im, out, err);
}
