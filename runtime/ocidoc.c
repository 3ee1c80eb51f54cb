/* SPDX-License-Identifier: MIT */
#include "runtime/ocidoc.h"

#include <jansson.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/strbuf.h"

#define MAX_SIZE (1ull << 50)

static int malformed(struct error *err, const char *what, const char *why)
{
	return error_set(err, ERROR_INVALID, 0, "%s: %s", what, why);
}

/* The object or array of TEXT. */
static json_t *parse(const char *text, size_t len, const char *what, struct error *err)
{
	json_error_t why;

	if (len > OCIDOC_MAX_BYTES) {
		malformed(err, what, "it has more than 8 MiB");
		return NULL;
	}
	json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (!doc)
		error_set(err, ERROR_INVALID, 0, "%s, line %d: %s", what, why.line, why.text);
	return doc;
}

static char *text_of(const json_t *object, const char *member)
{
	const char *s = json_string_value(json_object_get(object, member));

	return xstrdup(s ? s : "");
}

bool ocidoc_digest(const char *s, char out[DIGEST_SIZE])
{
	const char *hex = str_skip(s, "sha256:");

	if (!hex || strlen(hex) != DIGEST_SIZE - 1 ||
	    strspn(hex, "0123456789abcdef") != DIGEST_SIZE - 1)
		return false;
	memcpy(out, hex, DIGEST_SIZE);
	return true;
}

const char *ocidoc_architecture(void)
{
	static const char *const names[][2] = {{"x86_64", "amd64"},    {"aarch64", "arm64"},
					       {"armv7l", "arm"},      {"i686", "386"},
					       {"ppc64le", "ppc64le"}, {"s390x", "s390x"},
					       {"riscv64", "riscv64"}};
	struct utsname u;

	if (uname(&u) == 0)
		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			if (strcmp(u.machine, names[i][0]) == 0)
				return names[i][1];
	return "amd64";
}

/* --- index and manifest --- */

void oci_list_release(struct oci_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->items[i].media_type);
		free(l->items[i].architecture);
		free(l->items[i].os);
		free(l->items[i].name);
	}
	free(l->items);
	*l = (struct oci_list){0};
}

static int add_descriptor(const json_t *json, struct oci_list *l, struct error *err)
{
	const json_t *platform = json_object_get(json, "platform");
	const json_t *notes = json_object_get(json, "annotations");
	const json_t *size = json_object_get(json, "size");
	const char *digest = json_string_value(json_object_get(json, "digest"));
	struct oci_descriptor d = {0};

	if (!digest || !ocidoc_digest(digest, d.digest))
		return error_set(err, ERROR_INVALID, 0,
				 "a descriptor's digest is '%.100s', not sha256 and 64 hex digits",
				 digest ? digest : "");
	if (!json_is_integer(size) || json_integer_value(size) < 0 ||
	    (uint64_t)json_integer_value(size) > MAX_SIZE)
		return error_set(err, ERROR_INVALID, 0, "the size of sha256:%s is no size",
				 d.digest);
	d.size = (uint64_t)json_integer_value(size);
	d.media_type = text_of(json, "mediaType");
	d.architecture = text_of(platform, "architecture");
	d.os = text_of(platform, "os");
	d.name = text_of(notes, "org.opencontainers.image.ref.name");
	l->items = xreallocarray(l->items, l->n + 1, sizeof(*l->items));
	l->items[l->n++] = d;
	return 0;
}

static int add_all(const json_t *list, const char *what, struct oci_list *l, struct error *err)
{
	if (!json_is_array(list) || json_array_size(list) > OCIDOC_MAX_ITEMS)
		return error_set(err, ERROR_INVALID, 0, "'%s' is not a list of at most 1024", what);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (add_descriptor(json_array_get(list, i), l, err) < 0)
			return -1;
	return 0;
}

int ocidoc_list(const char *text, size_t len, struct oci_list *out, struct error *err)
{
	_cleanup_oci_list_ struct oci_list l = {0};
	json_auto_t *doc = parse(text, len, "index or manifest", err);

	if (!doc)
		return -1;
	const json_t *version = json_object_get(doc, "schemaVersion");
	if (json_integer_value(version) != 2)
		return malformed(err, "index or manifest",
				 "its schemaVersion is not 2: images of Docker before 1.10 "
				 "cannot be read");
	const json_t *manifests = json_object_get(doc, "manifests");
	const json_t *config = json_object_get(doc, "config");
	if (manifests) {
		if (add_all(manifests, "manifests", &l, err) < 0)
			return -1;
	} else {
		l.has_config = true;
		if (!json_is_object(config))
			return malformed(err, "manifest", "it has neither manifests nor a config");
		if (add_descriptor(config, &l, err) < 0 ||
		    add_all(json_object_get(doc, "layers"), "layers", &l, err) < 0)
			return -1;
	}
	*out = l;
	l = (struct oci_list){0};
	return 0;
}

/* --- docker's manifest.json --- */

void docker_entry_release(struct docker_entry *e)
{
	free(e->config);
	e->config = NULL;
	strvec_release(&e->layers);
	strvec_release(&e->tags);
}

static int texts_of(const json_t *list, const char *what, struct strvec *out, struct error *err)
{
	if (!list || json_is_null(list))
		return 0;
	if (!json_is_array(list) || json_array_size(list) > OCIDOC_MAX_ITEMS)
		return error_set(err, ERROR_INVALID, 0, "'%s' is not a list of at most 1024", what);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *s = json_string_value(json_array_get(list, i));
		if (!s)
			return error_set(err, ERROR_INVALID, 0, "'%s' is not a list of text", what);
		strvec_push(out, s);
	}
	return 0;
}

/* The image of DOC that NAME chooses. */
static int choose(const json_t *doc, const char *name, const json_t **out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf all = STRBUF_INIT;
	size_t n = json_array_size(doc);

	for (size_t i = 0; i < n && i < OCIDOC_MAX_ITEMS; i++) {
		const json_t *tags = json_object_get(json_array_get(doc, i), "RepoTags");
		for (size_t j = 0; j < json_array_size(tags); j++) {
			const char *tag = json_string_value(json_array_get(tags, j));
			if (name && str_equal(tag, name)) {
				*out = json_array_get(doc, i);
				return 0;
			}
			strbuf_addf(&all, "%s%.100s", all.len ? ", " : "", tag ? tag : "");
		}
	}
	if (n == 1 && !name) {
		*out = json_array_get(doc, 0);
		return 0;
	}
	if (n == 0)
		return malformed(err, "manifest.json", "it lists no image");
	return error_set(err, ERROR_INVALID, 0,
			 "the archive holds %zu images (%.300s): %s '%.100s'", n, all.data,
			 name ? "none is" : "name one with", name ? name : "--name NAME");
}

int ocidoc_docker(const char *text, size_t len, const char *name, struct docker_entry *out,
		  struct error *err)
{
	const json_t *entry = NULL;
	json_auto_t *doc = parse(text, len, "manifest.json", err);

	if (!doc)
		return -1;
	if (!json_is_array(doc))
		return malformed(err, "manifest.json", "it is not a list");
	if (choose(doc, name, &entry, err) < 0)
		return -1;
	out->config = text_of(entry, "Config");
	if (!*out->config)
		return malformed(err, "manifest.json", "an image has no 'Config'");
	if (texts_of(json_object_get(entry, "Layers"), "Layers", &out->layers, err) < 0 ||
	    texts_of(json_object_get(entry, "RepoTags"), "RepoTags", &out->tags, err) < 0)
		return -1;
	return 0;
}

/* --- configuration --- */

static void take_history(const json_t *list, struct image *im)
{
	for (size_t i = 0; i < json_array_size(list) && i < OCIDOC_MAX_ITEMS; i++) {
		const json_t *s = json_array_get(list, i);
		_cleanup_free_ char *created = text_of(s, "created");
		_cleanup_free_ char *by = text_of(s, "created_by");
		_cleanup_free_ char *comment = text_of(s, "comment");
		image_add_step(im, created, by, comment,
			       json_is_true(json_object_get(s, "empty_layer")));
	}
}

int ocidoc_config(const char *text, size_t len, struct image *im, struct strvec *diff_ids,
		  struct error *err)
{
	json_auto_t *doc = parse(text, len, "image configuration", err);

	if (!doc)
		return -1;
	const json_t *rootfs = json_object_get(doc, "rootfs");
	const json_t *ids = json_object_get(rootfs, "diff_ids");
	if (!str_equal(json_string_value(json_object_get(rootfs, "type")), "layers") ||
	    !json_is_array(ids))
		return malformed(err, "image configuration", "'rootfs' is no list of layers");
	if (json_array_size(ids) > IMAGE_MAX_LAYERS)
		return error_set(err, ERROR_INVALID, 0,
				 "the image has %zu layers: at most %d are possible",
				 json_array_size(ids), IMAGE_MAX_LAYERS);
	_cleanup_free_ char *os = text_of(doc, "os");
	if (*os && strcmp(os, "linux") != 0)
		return error_set(err, ERROR_UNSUPPORTED, 0, "the image is for %.40s, not for linux",
				 os);
	for (size_t i = 0; i < json_array_size(ids); i++) {
		char hex[DIGEST_SIZE];
		const char *id = json_string_value(json_array_get(ids, i));
		if (!id || !ocidoc_digest(id, hex))
			return malformed(err, "image configuration",
					 "a diff_id is not sha256 and 64 hex digits");
		strvec_push(diff_ids, hex);
	}
	if (image_config_from_json(json_object_get(doc, "config"), &im->config, &im->env, err) < 0)
		return -1;
	take_history(json_object_get(doc, "history"), im);
	im->container = true;
	im->architecture = text_of(doc, "architecture");
	im->created = text_of(doc, "created");
	return 0;
}
