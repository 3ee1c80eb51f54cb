// SPDX-License-Identifier: MIT
#include "receiver/plan.h"

#include "base/strbuf.h"
#include "receiver/libgit.h"
#include "receiver/repo.h"

struct walk {
	git_repository *repo;
	git_odb *odb;
	const struct plan_limits *limits;
	struct plan *plan;
	struct strbuf path; /* of the current folder, without a slash at its end */
	uint64_t forgotten; /* bytes of the previous tree that are not in the new one */
	uint64_t entries;   /* in the folders read for the plan: what its n will be at least */
	size_t open;        /* bytes of the tree objects that are in memory */
	int depth;
};

/* A tree object in memory. */
struct folder {
	struct walk *w;
	git_tree *tree;
	size_t size;
};

static void folder_release(struct folder *f)
{
	git_tree_free(f->tree);
	if (f->tree)
		f->w->open -= f->size;
}
#define _cleanup_folder_ _cleanup_(folder_release)

void plan_release(struct plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		free(plan->items[i].path);
	free(plan->items);
	plan->items = NULL;
	plan->n = plan->size = 0;
	strvec_release(&plan->submodules);
}

/* NAME in the current folder, for a message. */
static char *shown_path(const struct walk *w, const char *name)
{
	_cleanup_free_ char *path =
		xasprintf("%s%s%s", w->path.data, w->path.len && *name ? "/" : "", name);

	return entry_printable(path);
}

static struct plan_item *plan_add(struct walk *w, const char *name, const git_oid *oid,
				  enum entry_kind kind)
{
	struct plan *plan = w->plan;

	if (plan->n == plan->size) {
		plan->size = plan->size ? plan->size * 2 : 256;
		plan->items = xreallocarray(plan->items, plan->size, sizeof(*plan->items));
	}
	struct plan_item *item = &plan->items[plan->n++];
	*item = (struct plan_item){
		.path = xasprintf("%s%s%s", w->path.data, w->path.len ? "/" : "", name),
		.oid = *oid,
		.kind = kind,
	};
	plan->names += sizeof(*item) + strlen(item->path);
	return item;
}

/* Asks for the size first: libgit2 reads and parses a tree whole. OUT must be empty. */
static int read_tree(struct walk *w, const git_oid *oid, struct folder *out, struct error *err)
{
	_cleanup_free_ char *shown = shown_path(w, "");
	git_tree *tree;
	git_object_t type;
	size_t size;

	int code = git_odb_read_header(&size, &type, w->odb, oid);
	/* on the way down two trees of each level are open, the old one and the new one */
	if (!code && (size > PLAN_MAX_FOLDER || w->open + size > 2 * (size_t)PLAN_MAX_NAMES))
		return error_set(err, ERROR_INVALID, 0,
				 "the folder '%s' of the commit is too large", shown);
	if (!code)
		code = git_tree_lookup(&tree, w->repo, oid);
	if (code)
		return repo_git_error(err, code, "read the folder '%s'", shown);
	w->open += size;
	*out = (struct folder){.w = w, .tree = tree, .size = size};
	return 0;
}

static int blob_size(struct walk *w, const git_oid *oid, const char *name, uint64_t *out,
		     struct error *err)
{
	git_object_t type = GIT_OBJECT_INVALID;
	size_t size = 0;

	int code = git_odb_read_header(&size, &type, w->odb, oid);
	if (code || type != GIT_OBJECT_BLOB) {
		_cleanup_free_ char *shown = shown_path(w, name);
		if (code)
			return repo_git_error(err, code, "read '%s'", shown);
		return error_set(err, ERROR_INVALID, 0, "'%s' is not a file in git", shown);
	}
	*out = size;
	return 0;
}

static int check_totals(struct walk *w, struct error *err)
{
	const struct plan_limits *limits = w->limits;

	if (w->entries > limits->max_files)
		return error_set(err, ERROR_INVALID, 0,
				 "the commit has more than %llu files and folders (setting "
				 "git.archive-max-files)",
				 (unsigned long long)limits->max_files);
	if (w->plan->bytes > limits->max_bytes)
		return error_set(err, ERROR_INVALID, 0,
				 "the commit's files have more than %llu bytes (setting "
				 "git.archive-max-size)",
				 (unsigned long long)limits->max_bytes);
	if (w->plan->names > PLAN_MAX_NAMES)
		return error_set(err, ERROR_INVALID, 0,
				 "the names in the commit have more than %u bytes", PLAN_MAX_NAMES);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A tree is sorted, but a file and a folder of one name need not be neighbours in it. */
static int check_duplicates(struct walk *w, const git_tree *tree, struct error *err)
{
	size_t n = git_tree_entrycount(tree);
	_cleanup_free_ const char **names = xcalloc(n + 1, sizeof(*names));

	for (size_t i = 0; i < n; i++)
		names[i] = git_tree_entry_name(git_tree_entry_byindex(tree, i));
	qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(names[i - 1], names[i]))
			continue;
		_cleanup_free_ char *shown = shown_path(w, names[i]);
		return error_set(err, ERROR_INVALID, 0, "the commit has '%s' twice", shown);
	}
	return 0;
}

static int walk_tree(struct walk *w, const git_oid *oid, const git_tree *previous, bool same,
		     struct error *err);

static int walk_folder(struct walk *w, const git_tree_entry *entry, const git_tree_entry *old,
		       bool same, struct error *err)
{
	_cleanup_folder_ struct folder previous = {0};
	size_t len = w->path.len;

	if (w->depth >= PLAN_MAX_DEPTH)
		return error_set(err, ERROR_INVALID, 0, "the commit has folders %d levels deep",
				 PLAN_MAX_DEPTH);
	if (!same && old && git_tree_entry_type(old) == GIT_OBJECT_TREE &&
	    read_tree(w, git_tree_entry_id(old), &previous, err))
		return -1;
	if (len)
		strbuf_addch(&w->path, '/');
	strbuf_addstr(&w->path, git_tree_entry_name(entry));
	w->depth++;
	int ret = walk_tree(w, git_tree_entry_id(entry), previous.tree, same, err);
	w->depth--;
	strbuf_truncate(&w->path, len);
	return ret;
}

/* SAME: the whole tree is as before, so ENTRY has been checked by an earlier export. */
static int walk_entry(struct walk *w, const git_tree_entry *entry, const git_tree_entry *old,
		      bool same, struct error *err)
{
	const char *name = git_tree_entry_name(entry);
	const git_oid *oid = git_tree_entry_id(entry);
	enum entry_kind kind;

	if (!entry_kind_of(git_tree_entry_filemode_raw(entry), &kind))
		return error_set(err, ERROR_INVALID, 0, "a file of the commit has the mode %06o",
				 (unsigned)git_tree_entry_filemode_raw(entry));
	if (!same && entry_check_name(name, kind, w->path.data, err))
		return -1;
	if (w->path.len + strlen(name) + 1 > PLAN_MAX_PATH)
		return error_set(err, ERROR_INVALID, 0,
				 "the commit has a path of more than %d bytes", PLAN_MAX_PATH);
	if (!same && old && git_oid_equal(oid, git_tree_entry_id(old)) &&
	    git_tree_entry_filemode_raw(entry) == git_tree_entry_filemode_raw(old))
		same = true;
	struct plan_item *item = plan_add(w, name, oid, kind);
	item->same = same;
	if (kind == ENTRY_SUBMODULE && w->plan->submodules.n < PLAN_MAX_SUBMODULES)
		strvec_push(&w->plan->submodules, item->path);
	if (kind == ENTRY_FILE || kind == ENTRY_PROGRAM || kind == ENTRY_SYMLINK) {
		w->plan->files++;
		if (!same && blob_size(w, oid, name, &item->size, err))
			return -1;
		w->plan->bytes += item->size;
		if (kind == ENTRY_SYMLINK && item->size > PLAN_MAX_LINK) {
			_cleanup_free_ char *shown = shown_path(w, name);
			return error_set(err, ERROR_INVALID, 0,
					 "the symbolic link '%s' is longer than %d bytes", shown,
					 PLAN_MAX_LINK);
		}
	}
	if (check_totals(w, err))
		return -1;
	return kind == ENTRY_FOLDER ? walk_folder(w, entry, old, same, err) : 0;
}

static int walk_tree(struct walk *w, const git_oid *oid, const git_tree *previous, bool same,
		     struct error *err)
{
	_cleanup_folder_ struct folder folder = {0};

	if (read_tree(w, oid, &folder, err))
		return -1;
	w->entries += git_tree_entrycount(folder.tree);
	if (check_totals(w, err) || (!same && check_duplicates(w, folder.tree, err)))
		return -1;
	for (size_t i = 0; i < git_tree_entrycount(folder.tree); i++) {
		const git_tree_entry *entry = git_tree_entry_byindex(folder.tree, i);
		const git_tree_entry *old =
			previous ? git_tree_entry_byname(previous, git_tree_entry_name(entry))
				 : NULL;
		if (walk_entry(w, entry, old, same, err))
			return -1;
	}
	return 0;
}

/* Counts the bytes of OLD that NEW (may be NULL) does not have at the same place, so that the size
 * of what stayed is known without asking for every file. */
static int forget_tree(struct walk *w, const git_oid *old, const git_oid *new, struct error *err)
{
	_cleanup_folder_ struct folder before = {0};
	_cleanup_folder_ struct folder after = {0};

	if (read_tree(w, old, &before, err) || (new &&read_tree(w, new, &after, err)))
		return -1;
	for (size_t i = 0; i < git_tree_entrycount(before.tree); i++) {
		const git_tree_entry *entry = git_tree_entry_byindex(before.tree, i);
		const char *name = git_tree_entry_name(entry);
		const git_tree_entry *now =
			after.tree ? git_tree_entry_byname(after.tree, name) : NULL;
		uint64_t size = 0;
		if (now && git_oid_equal(git_tree_entry_id(entry), git_tree_entry_id(now)) &&
		    git_tree_entry_filemode_raw(entry) == git_tree_entry_filemode_raw(now))
			continue;
		if (git_tree_entry_type(entry) == GIT_OBJECT_TREE) {
			bool both = now && git_tree_entry_type(now) == GIT_OBJECT_TREE;
			if (forget_tree(w, git_tree_entry_id(entry),
					both ? git_tree_entry_id(now) : NULL, err))
				return -1;
		} else if (git_tree_entry_type(entry) == GIT_OBJECT_BLOB) {
			if (blob_size(w, git_tree_entry_id(entry), name, &size, err))
				return -1;
			w->forgotten += size;
		}
	}
	return 0;
}

static int walk_all(struct walk *w, const git_oid *tree, const git_oid *previous, struct error *err)
{
	_cleanup_folder_ struct folder old = {0};

	if (!previous)
		return walk_tree(w, tree, NULL, false, err);
	if (read_tree(w, previous, &old, err) || forget_tree(w, previous, tree, err))
		return -1;
	if (w->limits->previous_bytes > w->forgotten)
		w->plan->bytes = w->limits->previous_bytes - w->forgotten;
	return walk_tree(w, tree, old.tree, git_oid_equal(tree, previous), err);
}

int plan_make(git_repository *repo, const git_oid *tree, const git_oid *previous,
	      const struct plan_limits *limits, struct plan *out, struct error *err)
{
	_cleanup_(git_odb_freep) git_odb *odb = NULL;
	struct walk w = {.repo = repo, .limits = limits, .plan = out};

	strvec_init(&out->submodules);
	int code = git_repository_odb(&odb, repo);
	if (code)
		return repo_git_error(err, code, "open the repository's objects");
	w.odb = odb;
	strbuf_init(&w.path);
	int ret = walk_all(&w, tree, previous, err);
	strbuf_release(&w.path);
	return ret;
}
