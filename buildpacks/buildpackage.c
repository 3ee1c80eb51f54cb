/* SPDX-License-Identifier: MIT */
#include "buildpacks/buildpackage.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "base/untar.h"

#define DOCUMENT_MAX (4u << 20)
#define LAYERS_MAX 128
#define INDEX_DEPTH 3
#define LABEL "io.buildpacks.buildpackage.metadata"

static int broken(struct error *err, const char *what)
{
	return error_set(err, ERROR_INVALID, 0, "it is no buildpackage: %s", what);
}

bool buildpackage_is(int dirfd)
{
	return file_exists(dirfd, "oci-layout") && file_exists(dirfd, "index.json");
}

/* --- documents and blobs
 * -------------------------------------------------------------------------- */

static int open_file(int layout, const char *name, int *out, struct error *err)
{
	_cleanup_close_ int fd =
		file_open_beneath(layout, name, O_RDONLY | O_NONBLOCK, 0, true, err);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return broken(err, "a blob is no plain file");
	*out = TAKE_FD(fd);
	return 0;
}

/* What the descriptor DESCRIPTOR ({"digest": "sha256:..."}) is of. */
static int open_blob(int layout, const json_t *descriptor, int *out, struct error *err)
{
	const char *digest = json_string_value(json_object_get(descriptor, "digest"));
	const char *hex = digest ? str_skip(digest, "sha256:") : NULL;

	if (!hex || strlen(hex) != 64 || strspn(hex, "0123456789abcdef") != 64)
		return broken(err, "a digest is missing or not sha256");
	_cleanup_free_ char *name = xasprintf("blobs/sha256/%s", hex);
	return open_file(layout, name, out, err);
}

static int read_document(int fd, json_t **out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_size > DOCUMENT_MAX)
		return broken(err, "a document in it is too large");
	if (strbuf_read_fd(&text, fd, err) < 0)
		return -1;
	*out = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
	return *out ? 0 : broken(err, "a document in it is no JSON");
}

static int read_blob(int layout, const json_t *descriptor, json_t **out, struct error *err)
{
	_cleanup_close_ int fd = -1;

	if (open_blob(layout, descriptor, &fd, err) < 0)
		return -1;
	return read_document(fd, out, err);
}

/* --- the image
 * ------------------------------------------------------------------------------------ */

static bool is_for_us(const json_t *descriptor)
{
	const json_t *platform = json_object_get(descriptor, "platform");
	const char *arch = json_string_value(json_object_get(platform, "architecture"));
	const char *os = json_string_value(json_object_get(platform, "os"));
	struct utsname here;

	if (uname(&here) < 0 || !arch)
		return true;
	const char *ours = str_equal(here.machine, "x86_64")    ? "amd64"
			   : str_equal(here.machine, "aarch64") ? "arm64"
								: here.machine;
	return str_equal(arch, ours) && (!os || str_equal(os, "linux"));
}

/* The manifest that INDEX leads to, through further ones. INDEX is taken over. */
static int find_manifest(int layout, json_t *index, json_t **out, struct error *err)
{
	for (int depth = 0; depth < INDEX_DEPTH; depth++) {
		const json_t *rows = json_object_get(index, "manifests"), *row, *found = NULL;
		size_t i;
		json_t *next = NULL;
		if (!rows) {
			*out = index;
			return 0;
		}
		json_array_foreach(rows, i, row) if (!found && is_for_us(row)) found = row;
		int result = found ? read_blob(layout, found, &next, err)
				   : broken(err, "it has no image for this machine");
		json_decref(index);
		if (result < 0)
			return -1;
		index = next;
	}
	json_decref(index);
	return broken(err, "its indexes do not end");
}

/* A part of a path: "paketo-buildpacks/go" is "paketo-buildpacks_go". */
static char *path_part(const char *text)
{
	char *part = text && *text && text[0] != '.' ? xstrdup(text) : NULL;

	for (char *s = part; s && *s; s++)
		if (*s == '/')
			*s = '_';
	return part;
}

/* Where the pack is that the image is for. */
static int find_entry(const json_t *config, char **out, struct error *err)
{
	const json_t *labels = json_object_get(json_object_get(config, "config"), "Labels");
	const char *label = json_string_value(json_object_get(labels, LABEL));
	json_t *about = label ? json_loads(label, 0, NULL) : NULL;
	_cleanup_free_ char *id = path_part(json_string_value(json_object_get(about, "id")));
	_cleanup_free_ char *version =
		path_part(json_string_value(json_object_get(about, "version")));

	json_decref(about);
	if (!id || !version)
		return broken(err, "its label " LABEL " does not say of which pack it is");
	*out = xasprintf("cnb/buildpacks/%s/%s/buildpack.toml", id, version);
	return 0;
}

static int unpack_layers(int layout, const json_t *layers, int dirfd, struct error *err)
{
	int fds[LAYERS_MAX], result = 0;
	size_t n = json_array_size(layers), opened = 0;
	bool root_link;

	if (n == 0 || n > LAYERS_MAX)
		return broken(err, "it has no layers, or more than 128");
	while (result == 0 && opened < n) {
		result = open_blob(layout, json_array_get(layers, opened), &fds[opened], err);
		opened += result == 0;
	}
	if (result == 0)
		result = untar_layers(fds, n, dirfd, &root_link, err);
	while (opened > 0)
		close_fd(fds[--opened]);
	return result;
}

static int unpack(int layout, const json_t *manifest, int dirfd, struct error *err)
{
	_cleanup_free_ char *entry = NULL;
	json_t *config = NULL;

	if (read_blob(layout, json_object_get(manifest, "config"), &config, err) < 0)
		return -1;
	int result = find_entry(config, &entry, err);
	json_decref(config);
	if (result < 0 ||
	    unpack_layers(layout, json_object_get(manifest, "layers"), dirfd, err) < 0)
		return -1;
	_cleanup_close_ int fd = file_open_beneath(dirfd, entry, O_PATH, 0, true, NULL);
	if (fd < 0)
		return broken(err, "the pack that it is for is not in its layers");
	if (symlinkat(entry, dirfd, "buildpack.toml") < 0)
		return error_set(err, ERROR_SYSTEM, errno, "link 'buildpack.toml'");
	return 0;
}

int buildpackage_unpack(int layout, int dirfd, struct error *err)
{
	_cleanup_close_ int fd = -1;
	json_t *index = NULL, *manifest = NULL;

	if (open_file(layout, "index.json", &fd, err) < 0 || read_document(fd, &index, err) < 0 ||
	    find_manifest(layout, index, &manifest, err) < 0)
		return -1;
	int result = unpack(layout, manifest, dirfd, err);
	json_decref(manifest);
	return result;
}
