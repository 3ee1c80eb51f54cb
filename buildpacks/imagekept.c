/* SPDX-License-Identifier: MIT */
#include "buildpacks/imagekept.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "buildpacks/imagebuild.h"
#include "runtime/client.h"

#define KEPT_MAX (1u << 20)

static char *kept_path(const struct instance *inst, const char *app)
{
	return instance_lib(inst, "dockerfiles/%s", app);
}

/* Appends the lines of FILE below DIRFD; none when it is not there. */
static int read_kept(int dirfd, const char *file, struct strvec *out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct error why = ERROR_INIT;

	if (file_read(dirfd, file, KEPT_MAX, &text, &why) < 0 && why.code != ERROR_NOT_FOUND) {
		*err = why;
		return -1;
	}
	for (const char *s = text.data; *s;) {
		size_t len = strcspn(s, "\n");
		strvec_push_take(out, xstrndup(s, len));
		s += len + (s[len] == '\n');
	}
	return 0;
}

int imagekept_note(const struct instance *inst, const char *app, struct strvec *used, bool failed,
		   struct error *err)
{
	_cleanup_free_ char *folder = instance_lib(inst, "dockerfiles");
	_cleanup_free_ char *path = kept_path(inst, app);
	_cleanup_strvec_ struct strvec before = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (file_make_dirs(folder, 0750, err) < 0 || read_kept(AT_FDCWD, path, &before, err) < 0)
		return -1;
	for (size_t i = 0; i < before.n; i++)
		if ((failed || str_starts(before.v[i], IMAGEKEPT_CACHE)) &&
		    !strvec_has(used, before.v[i]))
			strvec_push(used, before.v[i]);
	for (size_t i = 0; i < used->n; i++)
		strbuf_addf(&text, "%s\n", used->v[i]);
	return file_replace(AT_FDCWD, path, text.data, text.len, 0640, err);
}

int imagekept_load(const struct instance *inst, const char *app, struct strvec *out,
		   struct error *err)
{
	_cleanup_free_ char *path = kept_path(inst, app);

	return read_kept(AT_FDCWD, path, out, err);
}

int imagekept_list(const struct instance *inst, struct strvec *out, struct error *err)
{
	_cleanup_free_ char *folder = instance_lib(inst, "dockerfiles");
	DIR *dir = opendir(folder);
	int result = 0;

	strvec_push(out, IMAGEBUILD_EMPTY);
	if (!dir)
		return errno == ENOENT ? 0
				       : error_set(err, ERROR_SYSTEM, errno, "open '%s'", folder);
	for (struct dirent *e; result == 0 && (e = readdir(dir));) {
		if (e->d_name[0] != '.')
			result = read_kept(dirfd(dir), e->d_name, out, err);
	}
	closedir(dir);
	return result;
}

void imagekept_forget(const struct instance *inst, const char *app)
{
	_cleanup_free_ char *path = kept_path(inst, app);
	_cleanup_strvec_ struct strvec kept = STRVEC_INIT;
	struct error ignored = ERROR_INIT;

	read_kept(AT_FDCWD, path, &kept, &ignored);
	for (size_t i = 0; i < kept.n; i++)
		if (str_starts(kept.v[i], IMAGEKEPT_CACHE))
			runtime_cache_remove(inst, kept.v[i] + strlen(IMAGEKEPT_CACHE), &ignored);
	unlink(path);
}
