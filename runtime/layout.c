/* SPDX-License-Identifier: MIT */
#include "runtime/layout.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "runtime/client.h"
#include "runtime/digest.h"

#define BLOCK (256u << 10)
#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define CONFIG_TYPE "application/vnd.oci.image.config.v1+json"
#define LAYER_TYPE "application/vnd.oci.image.layer.v1.tar"
#define EPOCH "1970-01-01T00:00:00Z"

void layout_release(struct layout *l)
{
	free(l->folder);
	free(l->layers);
	free(l->sizes);
	*l = (struct layout)LAYOUT_INIT;
}

/* --- blobs --- */

static int write_file(const char *folder, const char *name, const void *data, size_t len,
		      struct error *err)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", folder, name);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make '%s'", path);
	return file_write_all(fd, data, len, err);
}

static int put_blob(const char *folder, const char *text, size_t len, char digest[DIGEST_SIZE],
		    struct error *err)
{
	struct digest state;

	digest_begin(&state);
	digest_add(&state, text, len);
	digest_end(&state, digest);
	_cleanup_free_ char *name = xasprintf("blobs/sha256/%s", digest);
	return write_file(folder, name, text, len, err);
}

static int hash_file(int fd, char digest[DIGEST_SIZE], uint64_t *out_size, struct error *err)
{
	struct digest state;
	_cleanup_free_ unsigned char *block = xmalloc(BLOCK);
	uint64_t size = 0;
	ssize_t n;

	digest_begin(&state);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "read the layer");
	while ((n = read(fd, block, BLOCK)) > 0) {
		digest_add(&state, block, (size_t)n);
		size += (uint64_t)n;
	}
	if (n < 0)
		return error_set(err, ERROR_SYSTEM, errno, "read the layer");
	digest_end(&state, digest);
	*out_size = size;
	return 0;
}

static int put_layer(const struct instance *inst, const char *folder, const char *ref,
		     char digest[DIGEST_SIZE], uint64_t *out_size, struct error *err)
{
	_cleanup_free_ char *part = xasprintf("%s/blobs/sha256/part", folder);
	_cleanup_close_ int fd = open(part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make '%s'", part);
	if (runtime_layer_pack(inst, ref, fd, err) < 0 || hash_file(fd, digest, out_size, err) < 0)
		return -1;
	_cleanup_free_ char *path = xasprintf("%s/blobs/sha256/%s", folder, digest);
	if (rename(part, path) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "rename '%s'", part);
	return 0;
}

/* --- documents --- */

static json_t *digest_text(const char *hex)
{
	return json_sprintf("sha256:%s", hex);
}

static json_t *descriptor(const char *type, const char *digest, uint64_t size)
{
	return json_pack("{s:s, s:o, s:I}", "mediaType", type, "digest", digest_text(digest),
			 "size", (json_int_t)size);
}

/* As it came, when it tells of as many layers; else one step for each. */
static json_t *history_of(const struct image *im)
{
	json_t *list = json_array();
	size_t full = 0;

	for (size_t i = 0; i < im->n_history; i++)
		full += !im->history[i].empty;
	for (size_t i = 0; full == im->layers.n && i < im->n_history; i++) {
		const struct image_step *s = &im->history[i];
		json_t *step = json_pack("{s:s}", "created", *s->created ? s->created : EPOCH);
		json_object_set_new(step, "created_by", json_string(s->created_by));
		if (*s->comment)
			json_object_set_new(step, "comment", json_string(s->comment));
		if (s->empty)
			json_object_set_new(step, "empty_layer", json_true());
		json_array_append_new(list, step);
	}
	for (size_t i = im->layers.n; full != im->layers.n && i > 0; i--)
		json_array_append_new(list, json_pack("{s:s, s:s}", "created", EPOCH, "created_by",
						      im->layers.v[i - 1]));
	return list;
}

static int put_json(const char *folder, json_t *doc, char digest[DIGEST_SIZE], uint64_t *out_size,
		    struct error *err)
{
	json_auto_t *own = doc;
	_cleanup_free_ char *text = json_dumps(own, JSON_COMPACT | JSON_SORT_KEYS);

	if (!text)
		return error_set(err, ERROR_INVALID, 0, "the image cannot be written as JSON");
	*out_size = strlen(text);
	return put_blob(folder, text, strlen(text), digest, err);
}

static json_t *config_of(const struct image *im, const struct layout *l)
{
	json_t *ids = json_array();

	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(ids, digest_text(l->layers[i]));
	return json_pack(
		"{s:s, s:s, s:s, s:o, s:{s:s, s:o}, s:o}", "architecture",
		im->architecture && *im->architecture ? im->architecture : ocidoc_architecture(),
		"os", "linux", "created", im->created && *im->created ? im->created : EPOCH,
		"config", image_config_to_json(&im->config, &im->env), "rootfs", "type", "layers",
		"diff_ids", ids, "history", history_of(im));
}

static int write_index(const struct layout *l, const char *name, const char *manifest,
		       uint64_t size, struct error *err)
{
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	json_t *d = descriptor(MANIFEST_TYPE, manifest, size);

	if (name)
		json_object_set_new(d, "annotations",
				    json_pack("{s:s}", "org.opencontainers.image.ref.name", name));
	json_auto_t *index = json_pack("{s:i, s:[o]}", "schemaVersion", 2, "manifests", d);
	_cleanup_free_ char *text = json_dumps(index, JSON_COMPACT | JSON_SORT_KEYS);
	if (!text)
		return error_set(err, ERROR_INVALID, 0, "the image cannot be written as JSON");
	return write_file(l->folder, "index.json", text, strlen(text), err) < 0
		       ? -1
		       : write_file(l->folder, "oci-layout", version, sizeof(version) - 1, err);
}

static int write_documents(const struct image *im, const char *name, struct layout *l,
			   struct error *err)
{
	char manifest[DIGEST_SIZE];
	uint64_t size;

	if (put_json(l->folder, config_of(im, l), l->config, &l->config_size, err) < 0)
		return -1;
	json_t *layers = json_array();
	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(layers, descriptor(LAYER_TYPE, l->layers[i], l->sizes[i]));
	json_t *doc = json_pack(
		"{s:i, s:s, s:o, s:o}", "schemaVersion", 2, "mediaType", MANIFEST_TYPE, "config",
		descriptor(CONFIG_TYPE, l->config, l->config_size), "layers", layers);
	return put_json(l->folder, doc, manifest, &size, err) < 0
		       ? -1
		       : write_index(l, name, manifest, size, err);
}

int layout_write(const struct instance *inst, const struct image *im, const char *name,
		 const char *folder, layout_progress *progress, void *data, struct layout *out,
		 struct error *err)
{
	_cleanup_layout_ struct layout l = {.folder = xstrdup(folder)};
	_cleanup_free_ char *blobs = xasprintf("%s/blobs/sha256", folder);

	l.n = im->layers.n;
	l.layers = xcalloc(l.n + 1, sizeof(*l.layers));
	l.sizes = xcalloc(l.n + 1, sizeof(*l.sizes));
	if (file_make_dirs(blobs, 0700, err) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		const char *ref = im->layers.v[l.n - 1 - i];
		if (progress)
			progress(data, i + 1, l.n, ref);
		if (put_layer(inst, folder, ref, l.layers[i], &l.sizes[i], err) < 0)
			return -1;
	}
	if (write_documents(im, name, &l, err) < 0)
		return -1;
	*out = l;
	l = (struct layout)LAYOUT_INIT;
	return 0;
}

/* --- archives --- */

static int broken(struct error *err, struct archive *a)
{
	return error_set(err, ERROR_FAILED, archive_errno(a), "write the archive: %s",
			 archive_error_string(a));
}

static int add(struct archive *a, const char *name, const void *data, int fd, uint64_t size,
	       struct error *err)
{
	struct archive_entry *e = archive_entry_new();
	_cleanup_free_ char *block = xmalloc(BLOCK);
	ssize_t n = 0;

	archive_entry_set_pathname(e, name);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, (la_int64_t)size);
	archive_entry_set_mtime(e, 0, 0);
	int r = archive_write_header(a, e);
	archive_entry_free(e);
	if (r != ARCHIVE_OK)
		return broken(err, a);
	if (fd < 0)
		return archive_write_data(a, data, size) < 0 ? broken(err, a) : 0;
	while ((n = read(fd, block, BLOCK)) > 0)
		if (archive_write_data(a, block, (size_t)n) < 0)
			return broken(err, a);
	return n < 0 ? error_set(err, ERROR_SYSTEM, errno, "read '%s'", name) : 0;
}

/* The file FROM of the layout as NAME. */
static int add_file(struct archive *a, const struct layout *l, const char *from, const char *name,
		    struct error *err)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", l->folder, from);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	return add(a, name, NULL, fd, (uint64_t)st.st_size, err);
}

static int is_repeated(const struct layout *l, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (strcmp(l->layers[j], l->layers[i]) == 0)
			return 1;
	return 0;
}

static int add_docker(struct archive *a, const struct layout *l, const char *name,
		      struct error *err)
{
	json_t *layers = json_array();

	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(layers, json_sprintf("%s.tar", l->layers[i]));
	json_t *entry = json_pack("{s:o, s:[], s:o}", "Config", json_sprintf("%s.json", l->config),
				  "RepoTags", "Layers", layers);
	if (name)
		json_array_append_new(json_object_get(entry, "RepoTags"), json_string(name));
	json_auto_t *doc = json_pack("[o]", entry);
	_cleanup_free_ char *text = json_dumps(doc, JSON_COMPACT);
	_cleanup_free_ char *from = xasprintf("blobs/sha256/%s", l->config);
	_cleanup_free_ char *to = xasprintf("%s.json", l->config);
	if (add_file(a, l, from, to, err) < 0)
		return -1;
	for (size_t i = 0; i < l->n; i++) {
		_cleanup_free_ char *blob = xasprintf("blobs/sha256/%s", l->layers[i]);
		_cleanup_free_ char *tar = xasprintf("%s.tar", l->layers[i]);
		if (!is_repeated(l, i) && add_file(a, l, blob, tar, err) < 0)
			return -1;
	}
	return add(a, "manifest.json", text, -1, strlen(text), err);
}

/* Every file of the layout; the manifest's blob is found in the index. */
static int add_oci(struct archive *a, const struct layout *l, struct error *err)
{
	_cleanup_free_ char *path = xasprintf("%s/index.json", l->folder);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_oci_list_ struct oci_list index = {0};
	_cleanup_free_ char *config = xasprintf("blobs/sha256/%s", l->config);

	if (file_read(AT_FDCWD, path, OCIDOC_MAX_BYTES, &text, err) < 0 ||
	    ocidoc_list(text.data, text.len, &index, err) < 0)
		return -1;
	_cleanup_free_ char *manifest = xasprintf("blobs/sha256/%s", index.items[0].digest);
	if (add_file(a, l, "oci-layout", "oci-layout", err) < 0 ||
	    add_file(a, l, "index.json", "index.json", err) < 0 ||
	    add_file(a, l, manifest, manifest, err) < 0 || add_file(a, l, config, config, err) < 0)
		return -1;
	for (size_t i = 0; i < l->n; i++) {
		_cleanup_free_ char *blob = xasprintf("blobs/sha256/%s", l->layers[i]);
		if (!is_repeated(l, i) && add_file(a, l, blob, blob, err) < 0)
			return -1;
	}
	return 0;
}

int layout_archive(const struct layout *l, bool docker, const char *name, int fd, struct error *err)
{
	struct archive *a = archive_write_new();
	int result = -1;

	if (!a)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "open the archive");
	archive_write_set_format_pax_restricted(a);
	archive_write_set_bytes_in_last_block(a, 1);
	if (archive_write_open_fd(a, fd) != ARCHIVE_OK)
		broken(err, a);
	else
		result = docker ? add_docker(a, l, name, err) : add_oci(a, l, err);
	if (result == 0 && archive_write_close(a) != ARCHIVE_OK)
		result = broken(err, a);
	archive_write_free(a);
	return result;
}
