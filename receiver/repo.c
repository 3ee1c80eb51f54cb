// SPDX-License-Identifier: MIT
#include "receiver/repo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/random.h"
#include "instance/name.h"
#include "receiver/libgit.h"

static const char zeros[] = "0000000000000000000000000000000000000000";

static bool is_none(const char *hex)
{
	return !*hex || str_equal(hex, zeros);
}

int repo_git_error(struct error *err, int code, const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf what = STRBUF_INIT;
	const git_error *last = git_error_last();
	enum error_code ours = ERROR_FAILED;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&what, fmt, ap);
	va_end(ap);
	if (code == GIT_ENOTFOUND)
		ours = ERROR_NOT_FOUND;
	else if (code == GIT_EEXISTS)
		ours = ERROR_EXISTS;
	else if (code == GIT_ELOCKED || code == GIT_EMODIFIED)
		ours = ERROR_BUSY;
	else if (code == GIT_EOWNER)
		ours = ERROR_DENIED;
	return error_set(err, ours, 0, "%s: %s", what.data,
			 last && last->message ? last->message : "no reason given");
}

/* libgit2 once per process: writes are fsynced, and no settings file of a person or the machine
 * changes what we do. */
static void repo_git_init(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	git_libgit2_init();
	git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
	git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, GIT_CONFIG_LEVEL_SYSTEM, "");
	git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, GIT_CONFIG_LEVEL_XDG, "");
	git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, GIT_CONFIG_LEVEL_GLOBAL, "");
	git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, GIT_CONFIG_LEVEL_PROGRAMDATA, "");
}

static int open_at(const char *path, git_repository **out, struct error *err)
{
	repo_git_init();
	int code = git_repository_open_ext(
		out, path, GIT_REPOSITORY_OPEN_NO_SEARCH | GIT_REPOSITORY_OPEN_BARE, NULL);
	if (code)
		return repo_git_error(err, code, "open the repository '%s'", path);
	return 0;
}

int repo_open(const struct instance *inst, const char *app, git_repository **out, struct error *err)
{
	_cleanup_free_ char *path = gitdir_path(inst, app);

	if (name_check_app(app, err))
		return -1;
	if (!file_exists(AT_FDCWD, path))
		return error_set(err, ERROR_NOT_FOUND, 0, "the app '%s' has no repository", app);
	return open_at(path, out, err);
}

static int write_config(const struct instance *inst, const char *app, git_repository *repo,
			struct error *err)
{
	_cleanup_(git_config_freep) git_config *config = NULL;
	_cleanup_strvec_ struct strvec lines = STRVEC_INIT;

	if (gitdir_config(inst, app, &lines, err))
		return -1;
	int code = git_repository_config(&config, repo);
	for (size_t i = 0; !code && i < lines.n; i++) {
		char *value = strchr(lines.v[i], '=');
		*value++ = '\0';
		if (str_equal(lines.v[i], "safe.directory")) /* means nothing in this file */
			continue;
		code = git_config_set_string(config, lines.v[i], value);
	}
	return code ? repo_git_error(err, code, "write the repository's config") : 0;
}

/* Makes what is below PATH durable. A new repository is a dozen small files. */
static int sync_folder(const char *path, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	if (fsync(fd))
		return error_set(err, ERROR_SYSTEM, errno, "sync '%s'", path);
	return 0;
}

static int sync_new(const char *path, struct error *err)
{
	static const char *const folders[] = {"refs/heads",   "refs/tags", "refs", "objects/info",
					      "objects/pack", "objects",   "."};

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		_cleanup_free_ char *sub = xasprintf("%s/%s", path, folders[i]);
		if (sync_folder(sub, err))
			return -1;
	}
	static const char *const files[] = {"HEAD", "config"};
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *file = xasprintf("%s/%s", path, files[i]);
		_cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || fsync(fd))
			return error_set(err, ERROR_SYSTEM, errno, "sync '%s'", file);
	}
	return 0;
}

static int make_at(const struct instance *inst, const char *app, const char *path,
		   struct error *err)
{
	_cleanup_(git_repository_freep) git_repository *repo = NULL;
	git_repository_init_options options = {.version = GIT_REPOSITORY_INIT_OPTIONS_VERSION};

	repo_git_init();
	options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_NO_REINIT |
			GIT_REPOSITORY_INIT_MKDIR;
	options.mode = 0700;
	options.initial_head = "main";
	int code = git_repository_init_ext(&repo, path, &options);
	if (code)
		return repo_git_error(err, code, "make a repository at '%s'", path);
	if (write_config(inst, app, repo, err))
		return -1;
	return sync_new(path, err);
}

/* Opens lib/repos, making it when missing. */
static int repos_open(const struct instance *inst, int *out, struct error *err)
{
	_cleanup_free_ char *path = instance_lib(inst, "repos");

	if (file_make_dirs(path, 0755, err))
		return -1;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	*out = fd;
	return 0;
}

static int move_into_place(int dir, const char *from, const char *app, struct error *err)
{
	_cleanup_free_ char *to = xasprintf("%s.git", app);

	if (renameat2(dir, from, dir, to, RENAME_NOREPLACE)) {
		if (errno == EEXIST)
			return error_set(err, ERROR_EXISTS, 0,
					 "the app '%s' already has a repository", app);
		if (errno == ENOENT)
			return error_set(err, ERROR_NOT_FOUND, 0, "'%s' has no repository", from);
		return error_set(err, ERROR_SYSTEM, errno, "rename '%s' to '%s'", from, to);
	}
	if (fsync(dir))
		return error_set(err, ERROR_SYSTEM, errno, "sync the folder of repositories");
	return 0;
}

int repo_create(const struct instance *inst, const char *app, struct error *err)
{
	_cleanup_close_ int dir = -1;
	char id[17];

	if (name_check_app(app, err) || repos_open(inst, &dir, err))
		return -1;
	if (gitdir_exists(inst, app))
		return error_set(err, ERROR_EXISTS, 0, "the app '%s' already has a repository",
				 app);
	random_hex(id, sizeof(id) - 1);
	_cleanup_free_ char *name = xasprintf(".new-%s", id);
	_cleanup_free_ char *path = instance_lib(inst, "repos/%s", name);
	if (make_at(inst, app, path, err) || move_into_place(dir, name, app, err)) {
		file_remove_tree(dir, name, NULL);
		return -1;
	}
	return 0;
}

int repo_rename(const struct instance *inst, const char *app, const char *new_app,
		struct error *err)
{
	_cleanup_close_ int dir = -1;

	if (name_check_app(app, err) || name_check_app(new_app, err) || repos_open(inst, &dir, err))
		return -1;
	_cleanup_free_ char *from = xasprintf("%s.git", app);
	return move_into_place(dir, from, new_app, err);
}

int repo_remove(const struct instance *inst, const char *app, struct error *err)
{
	_cleanup_close_ int dir = -1;
	char id[17];

	if (name_check_app(app, err) || repos_open(inst, &dir, err))
		return -1;
	_cleanup_free_ char *from = xasprintf("%s.git", app);
	random_hex(id, sizeof(id) - 1);
	_cleanup_free_ char *gone = xasprintf(".gone-%s", id);
	/* renamed first: nobody sees half a repository */
	if (renameat(dir, from, dir, gone)) {
		if (errno == ENOENT)
			return 0;
		return error_set(err, ERROR_SYSTEM, errno, "remove the repository '%s'", from);
	}
	if (fsync(dir))
		return error_set(err, ERROR_SYSTEM, errno, "sync the folder of repositories");
	return file_remove_tree(dir, gone, err);
}

/* ---- refs ---- */

static int check_ref(const char *ref, struct error *err)
{
	int valid = 0;

	repo_git_init();
	if (str_starts(ref, "refs/") && !git_reference_name_is_valid(&valid, ref) && valid)
		return 0;
	return error_set(err, ERROR_INVALID, 0, "'%s' is not the full name of a ref", ref);
}

static int read_ref(git_repository *repo, const char *ref, char out[REPO_HEX_SIZE],
		    struct error *err)
{
	git_oid oid;

	int code = git_reference_name_to_id(&oid, repo, ref);
	if (code == GIT_ENOTFOUND) {
		out[0] = '\0';
		return 0;
	}
	if (code)
		return repo_git_error(err, code, "read '%s'", ref);
	git_oid_tostr(out, REPO_HEX_SIZE, &oid);
	return 0;
}

int repo_ref(const struct instance *inst, const char *app, const char *ref, char out[REPO_HEX_SIZE],
	     struct error *err)
{
	_cleanup_(git_repository_freep) git_repository *repo = NULL;

	if (check_ref(ref, err) || repo_open(inst, app, &repo, err))
		return -1;
	return read_ref(repo, ref, out, err);
}

/* A new ref must neither be a folder of others nor lie below one: "a" and "a/b" cannot both be. */
static int check_ref_room(git_repository *repo, const char *ref, struct error *err)
{
	_cleanup_free_ char *glob = xasprintf("%s/*", ref);
	_cleanup_free_ char *parent = xstrdup(ref);
	_cleanup_(git_reference_iterator_freep) git_reference_iterator *below = NULL;
	const char *name;

	if (!git_reference_iterator_glob_new(&below, repo, glob) &&
	    !git_reference_next_name(&name, below))
		return error_set(err, ERROR_EXISTS, 0, "'%s' is in the way of '%s'", name, ref);
	for (char *slash = strrchr(parent, '/'); slash; slash = strrchr(parent, '/')) {
		git_oid oid;
		*slash = '\0';
		if (!strchr(parent, '/')) /* "refs" */
			break;
		if (git_reference_name_to_id(&oid, repo, parent) == 0)
			return error_set(err, ERROR_EXISTS, 0, "'%s' is in the way of '%s'", parent,
					 ref);
	}
	return 0;
}

/* With the ref's lock held: compares, then queues the change. */
static int queue_update(git_repository *repo, git_transaction *tx, const char *ref,
			const char *new_hex, const char *old_hex, const char *message,
			struct error *err)
{
	_cleanup_(git_signature_freep) git_signature *who = NULL;
	char now[REPO_HEX_SIZE];
	git_oid oid;
	int code;

	if (read_ref(repo, ref, now, err))
		return -1;
	if (!str_equal(now, is_none(old_hex) ? "" : old_hex))
		return error_set(err, ERROR_BUSY, 0, "'%s' is at %.10s now: fetch and try again",
				 ref, *now ? now : "nothing");
	if (is_none(new_hex)) {
		code = *now ? git_transaction_remove(tx, ref) : 0;
		return code ? repo_git_error(err, code, "delete '%s'", ref) : 0;
	}
	_cleanup_(git_object_freep) git_object *target = NULL;
	git_oid_fromstr(&oid, new_hex);
	code = git_object_lookup(&target, repo, &oid, GIT_OBJECT_ANY);
	if (!code)
		code = git_signature_now(&who, "berth", "berth@localhost");
	if (!code)
		code = git_transaction_set_target(tx, ref, &oid, who, message);
	return code ? repo_git_error(err, code, "move '%s' to %.10s", ref, new_hex) : 0;
}

/* libgit2 syncs the file but not the folder that it was renamed into. */
static int sync_ref_folder(git_repository *repo, const char *ref, struct error *err)
{
	_cleanup_free_ char *path = xasprintf("%s%s", git_repository_path(repo), ref);

	*strrchr(path, '/') = '\0';
	if (!file_exists(AT_FDCWD, path)) /* the last ref of that folder was deleted */
		return 0;
	return sync_folder(path, err);
}

int repo_ref_update(const struct instance *inst, const char *app, const char *ref,
		    const char *new_hex, const char *old_hex, const char *message,
		    struct error *err)
{
	_cleanup_(git_repository_freep) git_repository *repo = NULL;
	_cleanup_(git_transaction_freep) git_transaction *tx = NULL;

	if ((!is_none(new_hex) && !gitdir_is_hex(new_hex)) ||
	    (!is_none(old_hex) && !gitdir_is_hex(old_hex)))
		return error_set(err, ERROR_INVALID, 0, "an object id is not 40 hex digits");
	if (check_ref(ref, err) || repo_open(inst, app, &repo, err))
		return -1;
	if (is_none(old_hex) && check_ref_room(repo, ref, err))
		return -1;
	int code = git_transaction_new(&tx, repo);
	if (!code)
		code = git_transaction_lock_ref(tx, ref);
	if (code)
		return repo_git_error(err, code, "lock '%s'", ref);
	if (queue_update(repo, tx, ref, new_hex, old_hex, message, err))
		return -1;
	code = git_transaction_commit(tx);
	if (code)
		return repo_git_error(err, code, "move '%s'", ref);
	return sync_ref_folder(repo, ref, err);
}

static int parse_oid(const char *hex, git_oid *out, struct error *err)
{
	if (!gitdir_is_hex(hex))
		return error_set(err, ERROR_INVALID, 0, "'%.50s' is not an object id", hex);
	git_oid_fromstr(out, hex);
	return 0;
}

int repo_is_descendant(const struct instance *inst, const char *app, const char *commit,
		       const char *ancestor, bool *out, struct error *err)
{
	_cleanup_(git_repository_freep) git_repository *repo = NULL;
	git_oid younger, older;

	if (parse_oid(commit, &younger, err) || parse_oid(ancestor, &older, err) ||
	    repo_open(inst, app, &repo, err))
		return -1;
	int code = git_oid_equal(&younger, &older)
			   ? 1
			   : git_graph_descendant_of(repo, &younger, &older);
	if (code < 0)
		return repo_git_error(err, code, "compare %.10s with %.10s", commit, ancestor);
	*out = code == 1;
	return 0;
}

static int lookup_commit(git_repository *repo, const char *hex, git_object **out, struct error *err)
{
	_cleanup_(git_object_freep) git_object *any = NULL;
	git_oid oid;

	if (parse_oid(hex, &oid, err))
		return -1;
	int code = git_object_lookup(&any, repo, &oid, GIT_OBJECT_ANY);
	if (!code)
		code = git_object_peel(out, any, GIT_OBJECT_COMMIT);
	return code ? repo_git_error(err, code, "look up the commit %.10s", hex) : 0;
}

int repo_peel(const struct instance *inst, const char *app, const char *object,
	      char out_commit[REPO_HEX_SIZE], struct error *err)
{
	_cleanup_(git_repository_freep) git_repository *repo = NULL;
	_cleanup_(git_object_freep) git_object *commit = NULL;

	if (repo_open(inst, app, &repo, err))
		return -1;
	if (lookup_commit(repo, object, &commit, NULL))
		return error_set(err, ERROR_INVALID, 0,
				 "%.10s is neither a commit nor a tag of one", object);
	git_oid_tostr(out_commit, REPO_HEX_SIZE, git_object_id(commit));
	return 0;
}

int repo_commit_tree(const struct instance *inst, const char *app, const char *commit,
		     char out_tree[REPO_HEX_SIZE], struct error *err)
{
	_cleanup_(git_repository_freep) git_repository *repo = NULL;
	_cleanup_(git_object_freep) git_object *object = NULL;

	if (repo_open(inst, app, &repo, err) || lookup_commit(repo, commit, &object, err))
		return -1;
	git_oid_tostr(out_tree, REPO_HEX_SIZE, git_commit_tree_id((git_commit *)object));
	return 0;
}

static void free_entry(git_tree_entry **entry)
{
	git_tree_entry_free(*entry);
}

int repo_subtree(const struct instance *inst, const char *app, const char *tree, const char *path,
		 char out_tree[REPO_HEX_SIZE], struct error *err)
{
	_cleanup_(git_repository_freep) git_repository *repo = NULL;
	_cleanup_(git_tree_freep) git_tree *top = NULL;
	_cleanup_(free_entry) git_tree_entry *entry = NULL;
	git_oid oid;

	if (!gitdir_is_hex(tree))
		return error_set(err, ERROR_INVALID, 0, "'%.50s' is not a tree id", tree);
	if (repo_open(inst, app, &repo, err))
		return -1;
	git_oid_fromstr(&oid, tree);
	int code = git_tree_lookup(&top, repo, &oid);
	if (code)
		return repo_git_error(err, code, "look up the tree %.10s", tree);
	code = git_tree_entry_bypath(&entry, top, path);
	if (code == GIT_ENOTFOUND)
		return error_set(err, ERROR_NOT_FOUND, 0, "the commit has no folder '%s'", path);
	if (code)
		return repo_git_error(err, code, "look up '%s'", path);
	if (git_tree_entry_type(entry) != GIT_OBJECT_TREE)
		return error_set(err, ERROR_INVALID, 0, "'%s' is no folder in the commit", path);
	git_oid_tostr(out_tree, REPO_HEX_SIZE, git_tree_entry_id(entry));
	return 0;
}

int repo_commit_summary(const struct instance *inst, const char *app, const char *commit,
			char **out, struct error *err)
{
	_cleanup_(git_repository_freep) git_repository *repo = NULL;
	_cleanup_(git_object_freep) git_object *object = NULL;

	if (repo_open(inst, app, &repo, err) || lookup_commit(repo, commit, &object, err))
		return -1;
	const char *summary = git_commit_summary((git_commit *)object);
	char *copy = xstrndup(summary ? summary : "", 200);
	for (char *p = copy; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	*out = copy;
	return 0;
}

int repo_default_branch(const struct instance *inst, const char *app, const char **out,
			struct error *err)
{
	char main_hex[REPO_HEX_SIZE], master_hex[REPO_HEX_SIZE];

	if (repo_ref(inst, app, "refs/heads/main", main_hex, err) ||
	    repo_ref(inst, app, "refs/heads/master", master_hex, err))
		return -1;
	*out = !*main_hex && *master_hex ? "master" : "main";
	return 0;
}

int repo_set_head(const struct instance *inst, const char *app, const char *branch,
		  struct error *err)
{
	_cleanup_(git_repository_freep) git_repository *repo = NULL;
	_cleanup_free_ char *ref = xasprintf("refs/heads/%s", branch);

	if (check_ref(ref, err) || repo_open(inst, app, &repo, err))
		return -1;
	int code = git_repository_set_head(repo, ref);
	return code ? repo_git_error(err, code, "point HEAD at '%s'", ref) : 0;
}
