/* SPDX-License-Identifier: MIT */
#include "receiver/submodule.h"

#include <fcntl.h>
#include <string.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "base/remote.h"
#include "receiver/entry.h"
#include "receiver/libgit.h"

#define GITMODULES_MAX (1u << 20)
#define GIT_TIMEOUT_MS 300000
#define TREES "refs/berth/trees/"

/* The submodules of one tree. */
struct level {
	git_repository *repo;
	git_tree *tree;
	struct strvec paths, urls; /* in step */
	git_tree_update *updates;  /* path is one of PATHS */
	size_t n;
};

static void level_release(struct level *l)
{
	git_tree_free(l->tree);
	git_repository_free(l->repo);
	strvec_release(&l->paths);
	strvec_release(&l->urls);
	free(l->updates);
}

static void free_entry(git_tree_entry **entry)
{
	git_tree_entry_free(*entry);
}

static void git_args(struct child *git, const char *git_dir)
{
	child_args(git, "git", NULL);
	strvec_pushf(&git->argv, "--git-dir=%s", git_dir);
	strvec_push(&git->env, "GIT_CONFIG_NOSYSTEM=1");
	strvec_push(&git->env, "GIT_CONFIG_GLOBAL=/dev/null");
	git->timeout_ms = GIT_TIMEOUT_MS;
	git->die_with_parent = true;
}

/* Values of "submodule.NAME.FIELD" lines: git prints "KEY\nVALUE" and a NUL for each. */
static int read_field(const struct submodules *s, const git_oid *blob, const char *field,
		      struct strbuf *out, struct error *err)
{
	_cleanup_free_ char *git_dir = gitdir_path(s->inst, s->app);
	_cleanup_strbuf_ struct strbuf noise = STRBUF_INIT;
	_cleanup_child_ struct child git;
	char hex[REPO_HEX_SIZE];

	child_init(&git);
	git_args(&git, git_dir);
	git_oid_tostr(hex, sizeof(hex), blob);
	child_args(&git, "config", "--null", NULL);
	strvec_pushf(&git.argv, "--blob=%s", hex);
	child_args(&git, "--get-regexp", NULL);
	strvec_pushf(&git.argv, "^submodule\\..*\\.%s$", field);
	strbuf_cap(out, GITMODULES_MAX);
	strbuf_cap(&noise, 4096);
	git.capture = out;
	git.capture_err = &noise;
	struct error why = ERROR_INIT;
	/* 1: no such line */
	if (child_run(&git, &why) < 0 && child_exit_code(git.status) != 1)
		return error_set(err, ERROR_INVALID, 0, "'.gitmodules' cannot be read: %.300s",
				 why.message);
	return out->overflow ? error_set(err, ERROR_INVALID, 0,
					 "'.gitmodules' has more than %u bytes", GITMODULES_MAX)
			     : 0;
}

/* The value in TEXT of KEY ("submodule.NAME.") with FIELD, or NULL. */
static const char *find_value(const struct strbuf *text, const char *key, size_t key_len)
{
	for (size_t at = 0; at < text->len; at += strlen(text->data + at) + 1) {
		const char *line = text->data + at;
		const char *value = strchr(line, '\n');
		const char *field = value ? memrchr(line, '.', (size_t)(value - line)) : NULL;
		if (field && (size_t)(field + 1 - line) == key_len && !memcmp(line, key, key_len))
			return value + 1;
	}
	return NULL;
}

static int read_gitmodules(const struct submodules *s, struct level *l, struct error *err)
{
	_cleanup_strbuf_ struct strbuf paths = STRBUF_INIT, urls = STRBUF_INIT;
	const git_tree_entry *entry = git_tree_entry_byname(l->tree, ".gitmodules");

	if (!entry || git_tree_entry_type(entry) != GIT_OBJECT_BLOB ||
	    git_tree_entry_filemode(entry) == GIT_FILEMODE_LINK)
		return 0;
	if (read_field(s, git_tree_entry_id(entry), "path", &paths, err) < 0 ||
	    read_field(s, git_tree_entry_id(entry), "url", &urls, err) < 0)
		return -1;
	for (size_t at = 0; at < paths.len; at += strlen(paths.data + at) + 1) {
		const char *line = paths.data + at, *value = strchr(line, '\n');
		const char *field = value ? memrchr(line, '.', (size_t)(value - line)) : NULL;
		const char *url =
			field ? find_value(&urls, line, (size_t)(field + 1 - line)) : NULL;
		if (!url || strvec_has(&l->paths, value + 1))
			continue;
		strvec_push(&l->paths, value + 1);
		strvec_push(&l->urls, url);
	}
	return 0;
}

/* Whether URL may be fetched; otherwise a warning says what would have to be done. */
static bool is_allowed(struct submodules *s, const char *path, const char *url)
{
	_cleanup_free_ char *shown = entry_printable(path);
	_cleanup_free_ char *address = entry_printable(url);
	struct error why = ERROR_INIT;

	if (str_starts(url, "./") || str_starts(url, "../")) {
		strvec_pushf(&s->warnings,
			     "submodule '%s' is left empty: its address '%s' is relative, and the "
			     "source came by a push; write the whole address into .gitmodules",
			     shown, address);
		return false;
	}
	if (remote_check_url(url, s->allow_http, false, s->advice, &why) < 0) {
		strvec_pushf(&s->warnings, "submodule '%s' is left empty: %s", shown, why.message);
		return false;
	}
	_cleanup_free_ char *host = remote_host(url);
	if (strvec_has(s->allowed, host))
		return true;
	_cleanup_free_ char *name = entry_printable(host);
	strvec_pushf(&s->warnings,
		     "submodule '%s' is left empty: 'git:allow-host %s' lets submodules come from "
		     "there",
		     shown, name);
	return false;
}

/* The repository that keeps what was fetched from URL. */
static int open_cache(const struct submodules *s, const char *url, char **out_dir,
		      git_repository **out, struct error *err)
{
	_cleanup_free_ char *modules = xasprintf("%s/modules", s->credentials);
	char hex[REPO_HEX_SIZE];
	git_oid id;

	git_odb_hash(&id, url, strlen(url), GIT_OBJECT_BLOB);
	git_oid_tostr(hex, sizeof(hex), &id);
	_cleanup_free_ char *dir = xasprintf("%s/%s.git", modules, hex);
	if (file_make_dirs(modules, 0700, err) < 0 ||
	    (!file_exists(AT_FDCWD, dir) && remote_init(dir, err) < 0))
		return -1;
	int code = git_repository_open_bare(out, dir);
	if (code)
		return repo_git_error(err, code, "open '%s'", dir);
	*out_dir = TAKE_PTR(dir);
	return 0;
}

/* REF of URL into NAME of the cache DIR. */
static int fetch_into(const struct submodules *s, const char *dir, const char *url, const char *ref,
		      const char *name, char out[REMOTE_COMMIT_SIZE], struct error *err)
{
	struct remote r = {
		.url = url,
		.ref = ref,
		.git_dir = dir,
		.store = name,
		.credentials = s->credentials,
		.advice = s->advice,
		.allow_http = s->allow_http,
		.no_redirects = true,
		.depth = 1,
		.progress_fd = -1,
	};
	return remote_fetch(&r, out, err);
}

/* The commit's tree in the cache of URL, fetched unless it is there. */
static int fetch(struct submodules *s, const char *path, const char *url, const char *commit,
		 char **out_dir, git_oid *out_tree, struct error *err)
{
	_cleanup_(git_repository_freep) git_repository *cache = NULL;
	_cleanup_(git_object_freep) git_object *tree = NULL;
	_cleanup_free_ char *dir = NULL;
	char got[REMOTE_COMMIT_SIZE];

	if (open_cache(s, url, &dir, &cache, err) < 0)
		return -1;
	_cleanup_free_ char *name = xasprintf("refs/berth/%s", commit);
	_cleanup_free_ char *spec = xasprintf("%s^{tree}", commit);
	_cleanup_(git_reference_freep) git_reference *ref = NULL;
	if (git_reference_lookup(&ref, cache, name) != 0) {
		if (fetch_into(s, dir, url, commit, name, got, err) < 0)
			return -1;
		_cleanup_free_ char *shown = entry_printable(path);
		strvec_pushf(&s->notes, "Submodule %s at %.8s", shown, commit);
	}
	int code = git_revparse_single(&tree, cache, spec);
	if (code)
		return repo_git_error(err, code, "look up the commit %.10s", commit);
	*out_tree = *git_object_id(tree);
	*out_dir = TAKE_PTR(dir);
	return 0;
}

/* TREE and all below it from the repository DIR to the app's. */
static int copy_tree(const struct submodules *s, const char *dir, const git_oid *tree,
		     struct error *err)
{
	_cleanup_free_ char *git_dir = gitdir_path(s->inst, s->app);
	_cleanup_strbuf_ struct strbuf name = STRBUF_INIT, noise = STRBUF_INIT;
	_cleanup_child_ struct child git;
	char line[REPO_HEX_SIZE + 1];

	child_init(&git);
	git_args(&git, dir);
	child_args(&git, "pack-objects", "--quiet", "--revs", NULL);
	strvec_pushf(&git.argv, "%s/objects/pack/pack", git_dir);
	git_oid_tostr(line, REPO_HEX_SIZE, tree);
	line[REPO_HEX] = '\n';
	git.input = line;
	git.input_len = REPO_HEX + 1;
	strbuf_cap(&name, 4096);
	strbuf_cap(&noise, 4096);
	git.capture = &name;
	git.capture_err = &noise;
	return child_run(&git, err);
}

static int resolve(struct submodules *s, const git_oid *tree, unsigned depth, git_oid *out,
		   struct error *err);

/* Adds what takes the place of the link at PATH to L's updates. */
static int resolve_one(struct submodules *s, struct level *l, size_t i, unsigned depth,
		       struct error *err)
{
	_cleanup_(free_entry) git_tree_entry *entry = NULL;
	const char *path = l->paths.v[i], *url = l->urls.v[i];
	_cleanup_free_ char *dir = NULL;
	char commit[REPO_HEX_SIZE];
	git_oid tree, whole;

	if (git_tree_entry_bypath(&entry, l->tree, path) != 0 ||
	    git_tree_entry_type(entry) != GIT_OBJECT_COMMIT || !is_allowed(s, path, url))
		return 0;
	if (depth >= SUBMODULE_MAX_DEPTH || ++s->n > SUBMODULE_MAX)
		return error_set(
			err, ERROR_INVALID, 0,
			"the commit has more than %d submodules, or some %d deep in others",
			SUBMODULE_MAX, SUBMODULE_MAX_DEPTH);
	git_oid_tostr(commit, sizeof(commit), git_tree_entry_id(entry));
	if (fetch(s, path, url, commit, &dir, &tree, err) < 0 ||
	    copy_tree(s, dir, &tree, err) < 0 || resolve(s, &tree, depth + 1, &whole, err) < 0) {
		_cleanup_free_ char *shown = entry_printable(path);
		return error_wrap(err, "submodule '%s'", shown);
	}
	l->updates[l->n++] = (git_tree_update){
		.action = GIT_TREE_UPDATE_UPSERT,
		.id = whole,
		.filemode = GIT_FILEMODE_TREE,
		.path = path,
	};
	return 0;
}

/* libgit2 does not change an entry's type: the links go first. */
static int write_level(struct level *l, const git_oid *tree, git_oid *out, struct error *err)
{
	_cleanup_(git_tree_freep) git_tree *without = NULL;
	_cleanup_free_ git_tree_update *removals = xcalloc(l->n + 1, sizeof(*removals));
	git_oid oid;

	if (l->n == 0) {
		*out = *tree;
		return 0;
	}
	for (size_t i = 0; i < l->n; i++)
		removals[i] = (git_tree_update){.action = GIT_TREE_UPDATE_REMOVE,
						.path = l->updates[i].path};
	int code = git_tree_create_updated(&oid, l->repo, l->tree, l->n, removals);
	if (!code)
		code = git_tree_lookup(&without, l->repo, &oid);
	if (!code)
		code = git_tree_create_updated(out, l->repo, without, l->n, l->updates);
	return code ? repo_git_error(err, code, "put the submodules into the tree") : 0;
}

static int resolve(struct submodules *s, const git_oid *tree, unsigned depth, git_oid *out,
		   struct error *err)
{
	_cleanup_(level_release) struct level l = {.paths = STRVEC_INIT, .urls = STRVEC_INIT};

	if (repo_open(s->inst, s->app, &l.repo, err) < 0)
		return -1;
	int code = git_tree_lookup(&l.tree, l.repo, tree);
	if (code)
		return repo_git_error(err, code, "look up a tree");
	if (read_gitmodules(s, &l, err) < 0)
		return -1;
	l.updates = xcalloc(l.paths.n + 1, sizeof(*l.updates));
	for (size_t i = 0; i < l.paths.n; i++)
		if (resolve_one(s, &l, i, depth, err) < 0)
			return -1;
	return write_level(&l, tree, out, err);
}

/* Nothing else points at the tree, and git would drop it. */
static int keep(const struct submodules *s, const git_oid *tree, struct error *err)
{
	_cleanup_(git_repository_freep) git_repository *repo = NULL;
	_cleanup_(git_reference_freep) git_reference *ref = NULL;
	char hex[REPO_HEX_SIZE];

	if (repo_open(s->inst, s->app, &repo, err) < 0)
		return -1;
	git_oid_tostr(hex, sizeof(hex), tree);
	_cleanup_free_ char *name = xasprintf(TREES "%s", hex);
	int code = git_reference_create(&ref, repo, name, tree, 1, NULL);
	return code ? repo_git_error(err, code, "keep the tree") : 0;
}

int submodule_resolve(struct submodules *s, const char *tree, char out_tree[REPO_HEX_SIZE],
		      struct error *err)
{
	git_oid before, after;

	if (!gitdir_is_hex(tree))
		return error_set(err, ERROR_INVALID, 0, "'%.50s' is not a tree id", tree);
	git_oid_fromstr(&before, tree);
	git_libgit2_init();
	int ret = resolve(s, &before, 0, &after, err);
	if (ret == 0 && !git_oid_equal(&before, &after))
		ret = keep(s, &after, err);
	git_libgit2_shutdown();
	if (ret == 0)
		git_oid_tostr(out_tree, REPO_HEX_SIZE, &after);
	return ret;
}

/* As submodule_add, with libgit2 initialised. Stages of one build may want the same. */
static int add(struct submodules *s, const char *url, const char *ref,
	       char out_commit[REPO_HEX_SIZE], git_oid *out, struct error *err)
{
	static const char name[] = "refs/berth/add";
	_cleanup_(git_repository_freep) git_repository *cache = NULL;
	_cleanup_(git_object_freep) git_object *tree = NULL;
	_cleanup_free_ char *dir = NULL;
	_cleanup_close_ int lock = -1;
	char commit[REMOTE_COMMIT_SIZE];

	if (open_cache(s, url, &dir, &cache, err) < 0)
		return -1;
	_cleanup_free_ char *path = xasprintf("%s/berth.lock", dir);
	if (file_lock(path, true, &lock, err) < 0 ||
	    fetch_into(s, dir, url, *ref ? ref : NULL, name, commit, err) < 0)
		return -1;
	_cleanup_free_ char *spec = xasprintf("%s^{tree}", commit);
	int code = git_revparse_single(&tree, cache, spec);
	if (code)
		return repo_git_error(err, code, "look up the commit %.10s", commit);
	if (copy_tree(s, dir, git_object_id(tree), err) < 0 ||
	    resolve(s, git_object_id(tree), 0, out, err) < 0 || keep(s, out, err) < 0)
		return -1;
	snprintf(out_commit, REPO_HEX_SIZE, "%.*s", REPO_HEX, commit);
	return 0;
}

int submodule_add(struct submodules *s, const char *url, const char *ref,
		  char out_commit[REPO_HEX_SIZE], char out_tree[REPO_HEX_SIZE], struct error *err)
{
	_cleanup_free_ char *host = NULL;
	git_oid tree;

	if (remote_check_url(url, s->allow_http, false, s->advice, err) < 0)
		return -1;
	host = remote_host(url);
	if (!strvec_has(s->allowed, host)) {
		_cleanup_free_ char *shown = entry_printable(host);
		return error_set(err, ERROR_DENIED, 0,
				 "the operator has not allowed repositories from '%s': "
				 "'git:allow-host %s' does",
				 shown, shown);
	}
	git_libgit2_init();
	int ret = add(s, url, ref, out_commit, &tree, err);
	git_libgit2_shutdown();
	if (ret == 0)
		git_oid_tostr(out_tree, REPO_HEX_SIZE, &tree);
	return ret;
}

static int collect_refs(git_repository *repo, const char *app, const struct strvec *keep_trees,
			bool dry, struct strvec *out, struct error *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	git_reference_iterator *refs = NULL;
	const char *name;
	int code = git_reference_iterator_glob_new(&refs, repo, TREES "*");

	while (code == 0 && (code = git_reference_next_name(&name, refs)) == 0)
		if (!strvec_has(keep_trees, name + strlen(TREES)))
			strvec_push(&names, name);
	git_reference_iterator_free(refs);
	if (code != GIT_ITEROVER)
		return repo_git_error(err, code, "list the kept trees");
	for (size_t i = 0; i < names.n; i++) {
		code = dry ? 0 : git_reference_remove(repo, names.v[i]);
		if (code < 0)
			return repo_git_error(err, code, "forget a tree");
		strvec_pushf(out, "reference %s of %s", names.v[i], app);
	}
	return 0;
}

int submodule_collect(const struct instance *inst, const char *app, const struct strvec *keep_trees,
		      bool dry, struct strvec *out, struct error *err)
{
	git_repository *repo = NULL;

	git_libgit2_init();
	int ret = repo_open(inst, app, &repo, err);
	if (ret == 0)
		ret = collect_refs(repo, app, keep_trees, dry, out, err);
	git_repository_free(repo);
	git_libgit2_shutdown();
	return ret;
}
