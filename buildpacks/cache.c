/* SPDX-License-Identifier: MIT */
#include "buildpacks/cache.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

static char *note_path(const struct instance *inst, const char *id)
{
	return instance_lib(inst, "builds/%s.cached", id);
}

bool cache_is_empty(const struct instance *inst, const char *id)
{
	_cleanup_free_ char *path = note_path(inst, id);

	return !file_exists(AT_FDCWD, path);
}

int cache_note(const struct instance *inst, const char *id, struct error *err)
{
	_cleanup_free_ char *folder = instance_lib(inst, "builds");
	_cleanup_free_ char *path = note_path(inst, id);

	if (file_exists(AT_FDCWD, path))
		return 0;
	return file_make_dirs(folder, 0750, err) < 0
		       ? -1
		       : file_replace(AT_FDCWD, path, "", 0, 0640, err);
}

void cache_forget(const struct instance *inst, const char *id)
{
	_cleanup_free_ char *path = note_path(inst, id);

	unlink(path);
}
