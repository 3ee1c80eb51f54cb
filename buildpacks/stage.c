/* SPDX-License-Identifier: MIT */
#include "buildpacks/stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/random.h"
#include "base/strbuf.h"
#include "instance/name.h"

#define PREFIX "build-"

/* A descriptor of FOLDER that holds its lock, or -1 when somebody else does or it is gone. */
static int lock_folder(int dirfd, const char *folder)
{
	_cleanup_close_ int fd =
		openat(dirfd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0 || st.st_nlink == 0)
		return -1;
	return TAKE_FD(fd);
}

static void remove_stale(const char *all)
{
	DIR *dir = opendir(all);

	if (!dir)
		return;
	for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
		if (!str_starts(e->d_name, PREFIX))
			continue;
		_cleanup_close_ int lock = lock_folder(dirfd(dir), e->d_name);
		if (lock >= 0)
			file_remove_tree(dirfd(dir), e->d_name, NULL);
	}
	closedir(dir);
}

int stage_make(const struct instance *inst, struct stage *s, struct error *err)
{
	_cleanup_free_ char *all = instance_lib(inst, "stage");
	char random[33];

	if (file_make_dirs(all, 0711, err) < 0)
		return -1;
	remove_stale(all);
	/* again when another process took the new folder for a stale one before it was locked */
	for (int try = 0; try < 10 && s->lock < 0; try++) {
		free(s->id);
		free(s->folder);
		random_hex(random, 32);
		s->id = xasprintf(PREFIX "%s", random);
		s->folder = xasprintf("%s/%s", all, s->id);
		if (mkdir(s->folder, 0700) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "make folder '%s'", s->folder);
		s->lock = lock_folder(AT_FDCWD, s->folder);
	}
	if (s->lock < 0)
		return error_set(err, ERROR_FAILED, 0, "lock folder '%s'", s->folder);
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
	close_fd(s->lock);
	free(s->id);
	free(s->folder);
	*s = (struct stage)STAGE_INIT;
}
