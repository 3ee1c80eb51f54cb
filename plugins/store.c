/* SPDX-License-Identifier: MIT */
#include "plugins/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fetch.h"
#include "base/file.h"
#include "base/random.h"
#include "base/untar.h"
#include "plugins/index.h"
#include "plugins/manifest.h"
#include "plugins/origin.h"

/* The open folder of plugins while it changes. */
struct store {
	const struct instance *inst;
	char *path; /* lib/plugins */
	int dirfd;  /* the same */
	int lock;   /* -1 when only looking */
};

static void store_release(struct store *s)
{
	close_fd(s->lock);
	close_fd(s->dirfd);
	free(s->path);
}
#define _cleanup_store_ _cleanup_(store_release)

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

void plugin_list_release(struct plugin_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->items[i].name);
		free(list->items[i].version);
		free(list->items[i].description);
		free(list->items[i].origin);
		free(list->items[i].commit);
		free(list->items[i].broken);
	}
	free(list->items);
	*list = (struct plugin_list)PLUGIN_LIST_INIT;
}

/* A folder that berth-plugin must be able to pass through, whatever the caller's umask. */
static int make_open_folder(const char *path, struct error *err)
{
	if (file_make_dirs(path, 0755, err) < 0)
		return -1;
	if (chmod(path, 0755) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "chmod '%s'", path);
	return 0;
}

static int store_open(struct store *s, const struct instance *inst, bool change, struct error *err)
{
	static const char *const folders[] = {"plugins", "plugins/.origin", "plugins/.disabled"};

	*s = (struct store){.inst = inst, .dirfd = -1, .lock = -1};
	s->path = instance_lib(inst, "plugins");
	for (size_t i = 0; change && i < ARRAY_SIZE(folders); i++) {
		_cleanup_free_ char *path = instance_lib(inst, "%s", folders[i]);

		if (make_open_folder(path, err) < 0)
			return -1;
	}
	if (change) {
		_cleanup_free_ char *lock = instance_lib(inst, "plugins/.lock");

		if (file_lock(lock, true, &s->lock, err) < 0)
			return -1;
	}
	s->dirfd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dirfd < 0 && (change || errno != ENOENT))
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", s->path);
	return 0;
}

static bool is_disabled(const struct store *s, const char *name)
{
	_cleanup_free_ char *path = xasprintf(".disabled/%s", name);

	return s->dirfd >= 0 && file_exists(s->dirfd, path);
}

static bool is_bundled(const struct instance *inst, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/plugins/%s", inst->share, name);

	return file_exists(AT_FDCWD, path);
}

static bool is_installed(const struct store *s, const char *name)
{
	return s->dirfd >= 0 && file_exists(s->dirfd, name);
}

/* The names of the plugins in the folder PATH; no folder has none. */
static int read_names(const char *path, struct strvec *out, struct error *err)
{
	_cleanup_(close_dir) DIR *dir = opendir(path);

	if (!dir) {
		if (errno == ENOENT)
			return 0;
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	}
	for (struct dirent *e; (e = readdir(dir));)
		if (manifest_is_name(e->d_name))
			strvec_push(out, e->d_name);
	strvec_sort(out);
	return 0;
}

static int read_manifest(const char *folder, const char *name, struct manifest *m,
			 struct error *err)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", folder, name);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	if (manifest_read(m, fd, err) < 0)
		return -1;
	if (!str_equal(m->name, name))
		return error_set(err, ERROR_INVALID, 0, "its " MANIFEST_FILE " names it '%s'",
				 m->name);
	return 0;
}

/* Rewrites the index from what is on disk. A plugin that is installed and bundled under one name
 * (an upgrade of Berth brought it) is used as installed. */
static int rebuild_index(const struct store *s, struct error *err)
{
	_cleanup_plugin_index_ struct plugin_index index = PLUGIN_INDEX_INIT;
	_cleanup_free_ char *share = xasprintf("%s/plugins", s->inst->share);
	_cleanup_strvec_ struct strvec installed = STRVEC_INIT, bundled = STRVEC_INIT;

	if (read_names(s->path, &installed, err) < 0 || read_names(share, &bundled, err) < 0)
		return -1;
	for (size_t i = 0; i < installed.n + bundled.n; i++) {
		bool of_berth = i >= installed.n;
		const char *name = of_berth ? bundled.v[i - installed.n] : installed.v[i];
		_cleanup_manifest_ struct manifest m;
		struct plugin_entry *e;

		manifest_init(&m);
		if (is_disabled(s, name) || (of_berth && strvec_has(&installed, name)))
			continue;
		if (read_manifest(of_berth ? share : s->path, name, &m, NULL) < 0)
			continue;
		e = plugin_index_add(&index);
		e->bundled = of_berth;
		e->manifest = m;
		manifest_init(&m);
	}
	plugin_index_sort(&index);
	return plugin_index_save(s->inst, &index, err);
}

static void add_info(const struct store *s, struct plugin_list *list, const char *folder,
		     const char *name, bool bundled)
{
	_cleanup_manifest_ struct manifest m;
	_cleanup_origin_ struct origin o = {0};
	struct error broken = ERROR_INIT;
	struct plugin_info *info;

	manifest_init(&m);
	origin_read(s->dirfd, bundled ? "" : name, &o);
	list->items = xreallocarray(list->items, list->n + 1, sizeof(*list->items));
	info = &list->items[list->n++];
	*info = (struct plugin_info){.bundled = bundled};
	info->name = xstrdup(name);
	info->enabled = !is_disabled(s, name);
	info->origin = bundled ? xstrdup("bundled") : TAKE_PTR(o.address);
	info->commit = bundled ? xstrdup("") : TAKE_PTR(o.commit);
	if (read_manifest(folder, name, &m, &broken) < 0)
		info->broken = xstrdup(broken.message);
	info->version = xstrdup(m.version ? m.version : "");
	info->description = xstrdup(m.description ? m.description : "");
}

static int info_by_name(const void *a, const void *b)
{
	const struct plugin_info *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int plugin_store_list(const struct instance *inst, struct plugin_list *list, struct error *err)
{
	_cleanup_store_ struct store s;
	_cleanup_free_ char *share = xasprintf("%s/plugins", inst->share);
	_cleanup_strvec_ struct strvec installed = STRVEC_INIT, bundled = STRVEC_INIT;

	if (store_open(&s, inst, false, err) < 0)
		return -1;
	if (read_names(s.path, &installed, err) < 0 || read_names(share, &bundled, err) < 0)
		return -1;
	for (size_t i = 0; i < installed.n; i++)
		add_info(&s, list, s.path, installed.v[i], false);
	for (size_t i = 0; i < bundled.n; i++)
		if (!strvec_has(&installed, bundled.v[i]))
			add_info(&s, list, share, bundled.v[i], true);
	if (list->n > 1)
		qsort(list->items, list->n, sizeof(*list->items), info_by_name);
	return 0;
}

/* Puts the plugin that FRESH holds in its place, or exchanges it with the one that is there. */
static int move_in(const struct store *s, const char *fresh, const char *name, bool update,
		   struct error *err)
{
	if (update) {
		if (renameat2(s->dirfd, fresh, s->dirfd, name, RENAME_EXCHANGE) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "replace plugin '%s'", name);
	} else if (renameat2(s->dirfd, fresh, s->dirfd, name, RENAME_NOREPLACE) < 0) {
		if (errno == EEXIST)
			return error_set(err, ERROR_EXISTS, 0,
					 "plugin '%s' is installed already: use plugin:update %s",
					 name, name);
		return error_set(err, ERROR_SYSTEM, errno, "install plugin '%s'", name);
	}
	if (fsync(s->dirfd) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "sync '%s'", s->path);
	return 0;
}

static int check_name(const struct store *s, const struct plugin_install *how,
		      const struct manifest *m, struct error *err)
{
	if (how->name && !str_equal(how->name, m->name))
		return error_set(err, ERROR_INVALID, 0,
				 "the new version calls itself '%s', not '%s'", m->name, how->name);
	if (how->reserved && strvec_has(how->reserved, m->name))
		return error_set(err, ERROR_INVALID, 0,
				 "a plugin may not be named '%s': Berth has commands of that name",
				 m->name);
	if (is_bundled(s->inst, m->name))
		return error_set(err, ERROR_EXISTS, 0,
				 "plugin '%s' comes with Berth: choose another name", m->name);
	return 0;
}

/* FRESH, a hidden folder in the store, becomes a plugin. */
static int adopt(const struct store *s, const char *fresh, const struct origin *o,
		 struct plugin_install *how, struct error *err)
{
	_cleanup_close_ int fd =
		openat(s->dirfd, fresh, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_manifest_ struct manifest m;

	manifest_init(&m);
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open the new plugin");
	if (manifest_read(&m, fd, err) < 0 || check_name(s, how, &m, err) < 0)
		return -1;
	/* before the name shows: after a power cut it is whole or not there */
	if (syncfs(fd) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "sync plugin '%s'", m.name);
	if (move_in(s, fresh, m.name, how->update, err) < 0 ||
	    origin_write(s->dirfd, m.name, o, err) < 0 || rebuild_index(s, err) < 0)
		return -1;
	how->out_name = TAKE_PTR(m.name);
	how->out_version = TAKE_PTR(m.version);
	return 0;
}

/* Unpacks FD, which FEEDER writes (NULL: a client), into the hidden folder TEMP and adopts it, or
 * the one folder that it holds. */
static int install_into(const struct store *s, const char *temp, int fd, struct child *feeder,
			const struct origin *o, struct plugin_install *how, struct error *err)
{
	_cleanup_free_ char *only = NULL;
	_cleanup_free_ char *fresh = xstrdup(temp);
	_cleanup_close_ int dirfd = -1;
	bool root_link = false;

	if (mkdirat(s->dirfd, temp, 0755) < 0 || fchmodat(s->dirfd, temp, 0755, 0) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a folder in '%s'", s->path);
	dirfd = openat(s->dirfd, temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s/%s'", s->path, temp);
	if (untar(fd, dirfd, &root_link, err) < 0)
		return -1;
	if (feeder && fetch_finish(feeder, fd, err) < 0)
		return -1;
	only = untar_lone_folder(dirfd);
	if (only) {
		if (root_link)
			return error_set(err, ERROR_INVALID, 0,
					 "a link in the archive points out of its folder '%s'",
					 only);
		free(fresh);
		fresh = xasprintf("%s/%s", temp, only);
	}
	return adopt(s, fresh, o, how, err);
}

static int install_stream(const struct store *s, int fd, struct child *feeder,
			  const struct origin *o, struct plugin_install *how, struct error *err)
{
	char temp[] = ".new-0123456789abcdef";
	int ret;

	random_hex(temp + 5, 16);
	ret = install_into(s, temp, fd, feeder, o, how, err);
	/* after an error what was unpacked, after an update the version before */
	file_remove_tree(s->dirfd, temp, NULL);
	return ret;
}

int plugin_store_install_archive(const struct instance *inst, int fd, const char *origin,
				 struct plugin_install *how, struct error *err)
{
	_cleanup_origin_ struct origin o = origin_make("archive", origin);
	_cleanup_store_ struct store s;

	if (store_open(&s, inst, true, err) < 0)
		return -1;
	return install_stream(&s, fd, NULL, &o, how, err);
}

static int install_folder(const struct store *s, const char *path, struct plugin_install *how,
			  struct error *err)
{
	_cleanup_origin_ struct origin o = origin_make("folder", path);
	_cleanup_child_ struct child tar;
	_cleanup_close_ int fd = -1;

	child_init(&tar);
	if (fetch_folder(path, &tar, &fd, err) < 0)
		return -1;
	return install_stream(s, fd, &tar, &o, how, err);
}

int plugin_store_install_path(const struct instance *inst, const char *path,
			      struct plugin_install *how, struct error *err)
{
	_cleanup_store_ struct store s;
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (store_open(&s, inst, true, err) < 0)
		return -1;
	if (stat(path, &st) < 0)
		return error_set(err, ERROR_NOT_FOUND, errno, "'%s'", path);
	if (S_ISDIR(st.st_mode))
		return install_folder(&s, path, how, err);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_INVALID, 0, "'%s' is neither a folder nor a file",
				 path);
	_cleanup_origin_ struct origin o = origin_make("folder", path);
	return install_stream(&s, fd, NULL, &o, how, err);
}

/* With SKIP_COMMIT, a repository that is still there does nothing: *out_changed false. */
static int install_git(const struct store *s, const char *url, const char *committish,
		       const char *skip_commit, struct plugin_install *how, bool *out_changed,
		       struct error *err)
{
	_cleanup_origin_ struct origin o = origin_make("git", url);
	_cleanup_free_ char *git_dir = NULL;
	_cleanup_child_ struct child git;
	_cleanup_close_ int fd = -1;
	char temp[] = ".git-0123456789abcdef", commit[REMOTE_COMMIT_SIZE];
	int ret = -1;

	child_init(&git);
	random_hex(temp + 5, 16);
	git_dir = xasprintf("%s/%s", s->path, temp);
	*out_changed = true;
	if (fetch_git_clone(url, committish, git_dir, commit, err) == 0) {
		free(o.committish);
		free(o.commit);
		o.committish = xstrdup(committish ? committish : "");
		o.commit = xstrdup(commit);
		if (skip_commit && str_equal(skip_commit, commit)) {
			*out_changed = false;
			ret = 0;
		} else if (fetch_git_archive(git_dir, commit, &git, &fd, err) == 0) {
			ret = install_stream(s, fd, &git, &o, how, err);
		}
	}
	file_remove_tree(s->dirfd, temp, NULL);
	return ret;
}

int plugin_store_install_git(const struct instance *inst, const char *url, const char *committish,
			     struct plugin_install *how, struct error *err)
{
	_cleanup_store_ struct store s;
	bool changed;

	if (remote_check_url(url, false, true, NULL, err) < 0 ||
	    store_open(&s, inst, true, err) < 0)
		return -1;
	return install_git(&s, url, committish, NULL, how, &changed, err);
}

static int need_plugin(const struct store *s, const char *name, struct error *err)
{
	if (!manifest_is_name(name) || (!is_installed(s, name) && !is_bundled(s->inst, name)))
		return error_set(err, ERROR_NOT_FOUND, 0,
				 "no plugin '%.64s' is installed: see plugin:list", name);
	return 0;
}

int plugin_store_update(const struct instance *inst, const char *name, const char *committish,
			struct plugin_install *how, bool *out_changed, struct error *err)
{
	_cleanup_origin_ struct origin o = {0};
	_cleanup_store_ struct store s;

	if (store_open(&s, inst, true, err) < 0 || need_plugin(&s, name, err) < 0)
		return -1;
	if (!is_installed(&s, name))
		return error_set(err, ERROR_INVALID, 0,
				 "plugin '%s' comes with Berth and is updated with it", name);
	origin_read(s.dirfd, name, &o);
	how->update = true;
	how->name = name;
	if (str_equal(o.kind, "git")) {
		const char *at = committish ? committish : o.committish[0] ? o.committish : NULL;

		return install_git(&s, o.address, at, o.commit, how, out_changed, err);
	}
	if (committish)
		return error_set(err, ERROR_USAGE, 0,
				 "plugin '%s' was not installed from git: "
				 "it has no commits",
				 name);
	if (!str_equal(o.kind, "folder"))
		return error_set(err, ERROR_INVALID, 0,
				 "plugin '%s' was sent from '%s', which cannot be asked again: "
				 "plugin:uninstall it and send the new one",
				 name, o.address);
	*out_changed = true;
	return install_folder(&s, o.address, how, err);
}

int plugin_store_enable(const struct instance *inst, const char *name, bool enable,
			struct error *err)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_store_ struct store s;

	if (store_open(&s, inst, true, err) < 0 || need_plugin(&s, name, err) < 0)
		return -1;
	path = xasprintf("%s/.disabled/%s", s.path, name);
	if (enable) {
		_cleanup_free_ char *folder = is_installed(&s, name)
						      ? xstrdup(s.path)
						      : xasprintf("%s/plugins", inst->share);
		_cleanup_manifest_ struct manifest m;

		manifest_init(&m);
		if (read_manifest(folder, name, &m, err) < 0)
			return error_wrap(err, "plugin '%s'", name);
		if (unlink(path) < 0 && errno != ENOENT)
			return error_set(err, ERROR_SYSTEM, errno, "remove '%s'", path);
	} else if (file_replace(AT_FDCWD, path, "", 0, 0644, err) < 0) {
		return -1;
	}
	return rebuild_index(&s, err);
}

int plugin_store_uninstall(const struct instance *inst, const char *name, struct error *err)
{
	char temp[] = ".old-0123456789abcdef";
	_cleanup_free_ char *disabled = NULL;
	_cleanup_store_ struct store s;

	if (store_open(&s, inst, true, err) < 0 || need_plugin(&s, name, err) < 0)
		return -1;
	if (!is_installed(&s, name))
		return error_set(err, ERROR_INVALID, 0,
				 "plugin '%s' comes with Berth: use plugin:disable %s", name, name);
	random_hex(temp + 5, 16);
	if (renameat(s.dirfd, name, s.dirfd, temp) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "remove plugin '%s'", name);
	disabled = xasprintf(".disabled/%s", name);
	if (rebuild_index(&s, err) < 0)
		return -1;
	origin_forget(s.dirfd, name);
	unlinkat(s.dirfd, disabled, 0);
	return file_remove_tree(s.dirfd, temp, err);
}

int plugin_store_refresh(const struct instance *inst, struct error *err)
{
	_cleanup_store_ struct store s;
	_cleanup_(close_dir) DIR *dir = NULL;

	if (store_open(&s, inst, true, err) < 0)
		return -1;
	dir = opendir(s.path);
	for (struct dirent *e; dir && (e = readdir(dir));)
		if (str_starts(e->d_name, ".new-") || str_starts(e->d_name, ".git-") ||
		    str_starts(e->d_name, ".old-"))
			file_remove_tree(s.dirfd, e->d_name, NULL);
	return rebuild_index(&s, err);
}
