// SPDX-License-Identifier: MIT
#include "receiver/quarantine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <git2/sys/odb_backend.h>
#include <git2/sys/repository.h>

#include "base/file.h"
#include "base/random.h"
#include "base/strvec.h"
#include "receiver/libgit.h"
#include "receiver/repo.h"

static int make_folder(struct quarantine *q, const char *objects, struct error *err)
{
	char id[17];

	random_hex(id, sizeof(id) - 1);
	snprintf(q->name, sizeof(q->name), "tmp_objdir-incoming-%s", id);
	q->objects = open(objects, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (q->objects < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", objects);
	if (mkdirat(q->objects, q->name, 0700))
		return error_set(err, ERROR_SYSTEM, errno, "make a folder in '%s'", objects);
	q->folder = openat(q->objects, q->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (q->folder < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open a folder in '%s'", objects);
	return 0;
}

/* An object database that writes to FOLDER and also reads OBJECTS. */
static int use_folder(git_repository *repo, const char *objects, const char *folder,
		      struct error *err)
{
	_cleanup_(git_odb_freep) git_odb *odb = NULL;
	git_odb_backend *loose = NULL;

	int code = git_odb_new(&odb);
	if (!code)
		code = git_odb_backend_loose(&loose, folder, 1, 0, 0, 0);
	if (!code && (code = git_odb_add_backend(odb, loose, 1)))
		loose->free(loose);
	if (!code)
		code = git_odb_add_disk_alternate(odb, objects);
	if (!code)
		code = git_repository_set_odb(repo, odb);
	return code ? repo_git_error(err, code, "prepare a folder for new objects") : 0;
}

int quarantine_begin(git_repository *repo, struct quarantine *out, struct error *err)
{
	_cleanup_free_ char *objects = xasprintf("%sobjects", git_repository_path(repo));

	if (make_folder(out, objects, err))
		return -1;
	_cleanup_free_ char *folder = xasprintf("%s/%s", objects, out->name);
	if (use_folder(repo, objects, folder, err))
		return -1;
	/* synced together by quarantine_keep, which is a hundred times faster */
	git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 0);
	out->repo = repo;
	return 0;
}

static void close_dirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* The names in DIR/NAME, but for those that start with a dot. */
static int list(int dir, const char *name, struct strvec *out, struct error *err)
{
	_cleanup_(close_dirp) DIR *open_dir = NULL;
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || !(open_dir = fdopendir(fd))) {
		close_fd(fd);
		return error_set(err, ERROR_SYSTEM, errno, "list the new objects");
	}
	for (struct dirent *entry; (entry = readdir(open_dir));)
		if (entry->d_name[0] != '.')
			strvec_push(out, entry->d_name);
	return 0;
}

/* Moves the objects whose ids start with FAN (two digits). */
static int keep_fan(struct quarantine *q, const char *fan, struct error *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;

	if (list(q->folder, fan, &names, err))
		return -1;
	if (mkdirat(q->objects, fan, 0777) && errno != EEXIST)
		return error_set(err, ERROR_SYSTEM, errno, "make the folder 'objects/%s'", fan);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", fan, names.v[i]);
		/* one that is there already has the same content: its name says so */
		if (renameat2(q->folder, path, q->objects, path, RENAME_NOREPLACE) &&
		    errno != EEXIST)
			return error_set(err, ERROR_SYSTEM, errno, "keep the object '%s'", path);
	}
	return 0;
}

int quarantine_keep(struct quarantine *q, struct error *err)
{
	_cleanup_strvec_ struct strvec fans = STRVEC_INIT;

	if (list(q->folder, ".", &fans, err))
		return -1;
	for (size_t i = 0; i < fans.n; i++)
		if (strlen(fans.v[i]) == 2 && keep_fan(q, fans.v[i], err))
			return -1;
	if (syncfs(q->objects))
		return error_set(err, ERROR_SYSTEM, errno, "sync the new objects");
	return 0;
}

void quarantine_release(struct quarantine *q)
{
	if (q->repo)
		git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
	if (q->objects >= 0 && *q->name)
		file_remove_tree(q->objects, q->name, NULL);
	q->folder = close_fd(q->folder);
	q->objects = close_fd(q->objects);
}
