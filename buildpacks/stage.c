/* SPDX-License-Identifier: MIT */
#include "buildpacks/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/random.h"
#include "base/strbuf.h"
#include "instance/name.h"

int stage_make(const struct instance *inst, struct stage *s, struct error *err)
{
	_cleanup_free_ char *all = instance_run(inst, "stage");
	char id[33];

	random_hex(id, 32);
	if (file_make_dirs(all, 0711, err) < 0)
		return -1;
	s->id = xstrdup(id);
	s->folder = xasprintf("%s/%s", all, id);
	if (mkdir(s->folder, 0700) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make folder '%s'", s->folder);
	return 0;
}

int stage_add(struct stage *s, const char *name, const void *data, size_t len, struct error *err)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", s->folder, name);
	_cleanup_free_ char *folder = xstrndup(path, (size_t)(strrchr(path, '/') - path));

	if (file_make_dirs(folder, 0700, err) < 0)
		return -1;
	_cleanup_close_ int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "create '%s'", path);
	return file_write_all(fd, data, len, err);
}

int stage_add_env(struct stage *s, const struct strvec *config, struct error *err)
{
	for (size_t i = 0; i < config->n; i++) {
		const char *equals = strchr(config->v[i], '=');
		if (!equals)
			return error_set(err, ERROR_INVALID, 0, "a config var has no value");
		_cleanup_free_ char *key = xstrndup(config->v[i], (size_t)(equals - config->v[i]));
		if (name_check_key(key, err) < 0 ||
		    stage_add(s, key, equals + 1, strlen(equals + 1), err) < 0)
			return -1;
	}
	return 0;
}

void stage_release(struct stage *s)
{
	if (s->folder)
		file_remove_tree(AT_FDCWD, s->folder, NULL);
	free(s->id);
	free(s->folder);
	*s = (struct stage)STAGE_INIT;
}
