// SPDX-License-Identifier: MIT
#include "receiver/listing.h"

#include "base/strbuf.h"
#include "receiver/export.h"
#include "receiver/libgit.h"
#include "receiver/plan.h"
#include "receiver/repo.h"

void listing_release(struct listing *listing)
{
	for (size_t i = 0; i < listing->n; i++) {
		free(listing->items[i].path);
		free(listing->items[i].target);
	}
	free(listing->items);
	listing->items = NULL;
	listing->n = listing->size = 0;
}

int listing_read_limits(const struct instance *inst, struct listing *listing, struct error *err)
{
	unsigned long long files, bytes;

	if (instance_setting_u64(inst, "git", "archive-max-files", 1, 100000000, EXPORT_MAX_FILES,
				 &files, err) ||
	    instance_setting_u64(inst, "git", "archive-max-size", 1, 1ull << 50, EXPORT_MAX_BYTES,
				 &bytes, err))
		return -1;
	listing->max_files = files;
	listing->max_bytes = bytes;
	return 0;
}

/* ERR about the item PATH of the archive. */
static int refuse(const char *path, const char *why, struct error *err)
{
	_cleanup_free_ char *shown = entry_printable(path);

	return error_set(err, ERROR_INVALID, 0, "the archive has '%s': %s", shown, why);
}

int listing_path(const char *path, char **out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf clean = STRBUF_INIT;
	size_t depth = 0;

	if (*path == '/')
		return refuse(path, "an absolute path", err);
	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");
		if (len == 2 && p[0] == '.' && p[1] == '.')
			return refuse(path, "it would leave the folder", err);
		if (len > 0 && !(len == 1 && p[0] == '.')) {
			if (clean.len)
				strbuf_addch(&clean, '/');
			strbuf_add(&clean, p, len);
			depth++;
		}
		p += len;
		p += *p == '/';
	}
	if (clean.len > PLAN_MAX_PATH)
		return refuse(path, "the path is too long", err);
	if (depth > PLAN_MAX_DEPTH)
		return refuse(path, "too many folders in each other", err);
	*out = strbuf_detach(&clean);
	return 0;
}

int listing_check(const struct listing *listing, struct error *err)
{
	if (listing->files > listing->max_files)
		return error_set(err, ERROR_INVALID, 0,
				 "the archive has more than %llu files and folders (setting "
				 "git.archive-max-files)",
				 (unsigned long long)listing->max_files);
	if (listing->bytes > listing->max_bytes)
		return error_set(err, ERROR_INVALID, 0,
				 "the archive's files have more than %llu bytes (setting "
				 "git.archive-max-size)",
				 (unsigned long long)listing->max_bytes);
	if (listing->names > PLAN_MAX_NAMES)
		return error_set(err, ERROR_INVALID, 0,
				 "the names in the archive have more than %u bytes",
				 PLAN_MAX_NAMES);
	return 0;
}

int listing_add(struct listing *listing, char *path, char *target, enum entry_kind kind,
		const git_oid *oid, uint64_t size, struct error *err)
{
	if (listing->n == listing->size) {
		listing->size = listing->size ? listing->size * 2 : 256;
		listing->items =
			xreallocarray(listing->items, listing->size, sizeof(*listing->items));
	}
	struct listing_item *item = &listing->items[listing->n];
	*item = (struct listing_item){
		.path = path, .target = target, .at = listing->n++, .size = size, .kind = kind};
	if (oid)
		item->oid = *oid;
	listing->names += sizeof(*item) + strlen(path) + (target ? strlen(target) : 0);
	listing->files++;
	listing->bytes += size;
	return listing_check(listing, err);
}

/* ---- order ---- */

/* "/" before all else, so that what is in a folder follows the folder. */
static int compare_paths(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	int x = *a == '/' ? 1 : *a ? (unsigned char)*a + 1 : 0;
	int y = *b == '/' ? 1 : *b ? (unsigned char)*b + 1 : 0;
	return x - y;
}

static int by_path(const void *a, const void *b)
{
	const struct listing_item *x = a, *y = b;
	int order = compare_paths(x->path, y->path);

	return order ? order : (x->at > y->at) - (x->at < y->at);
}

static bool is_below(const char *path, const char *folder)
{
	const char *rest = str_skip(path, folder);

	return rest && *rest == '/';
}

/* Sorted, any conflict is one between neighbours. A folder may be named again and again. */
static int check_conflicts(struct listing *listing, struct error *err)
{
	for (size_t i = 1; i < listing->n; i++) {
		const struct listing_item *before = &listing->items[i - 1];
		const struct listing_item *item = &listing->items[i];
		bool twice = str_equal(before->path, item->path);
		if (twice && before->kind == ENTRY_FOLDER && item->kind == ENTRY_FOLDER)
			continue;
		if (twice)
			return refuse(item->path, "there is another entry of that name", err);
		if (before->kind != ENTRY_FOLDER && is_below(item->path, before->path))
			return refuse(item->path, "it lies below an entry that is no folder", err);
	}
	return 0;
}

/* ---- hard links ---- */

static int find_path(const void *key, const void *item)
{
	return compare_paths(key, ((const struct listing_item *)item)->path);
}

static int resolve(struct listing *listing, struct listing_item *item, struct error *err)
{
	const struct listing_item *target = bsearch(item->target, listing->items, listing->n,
						    sizeof(*listing->items), find_path);

	if (!target || target->at >= item->at || target->kind == ENTRY_FOLDER)
		return refuse(item->path, "a hard link to nothing earlier in the archive", err);
	/* the earlier one is resolved by now if it was a link itself */
	item->oid = target->oid;
	item->kind = target->kind;
	item->size = target->size;
	listing->bytes += item->size;
	return listing_check(listing, err);
}

/* In the archive's order, so that a link to a link finds its content. */
static int resolve_links(struct listing *listing, struct error *err)
{
	_cleanup_free_ size_t *order = xcalloc(listing->n + 1, sizeof(*order));

	for (size_t i = 0; i < listing->n; i++)
		order[listing->items[i].at] = i;
	for (size_t i = 0; i < listing->n; i++) {
		struct listing_item *item = &listing->items[order[i]];
		if (item->target && resolve(listing, item, err))
			return -1;
	}
	return 0;
}

/* ---- trees ---- */

/* Each component of each path, once for runs with a common folder. */
static int check_names(const struct listing *listing, struct error *err)
{
	const char *before = "";

	for (size_t i = 0; i < listing->n; i++) {
		const struct listing_item *item = &listing->items[i];
		_cleanup_free_ char *path = xstrdup(item->path);
		size_t same = 0;
		for (size_t n = 0; path[n] && path[n] == before[n]; n++)
			if (path[n] == '/')
				same = n + 1;
		for (char *name = path + same, *slash; name; name = slash ? slash + 1 : NULL) {
			_cleanup_free_ char *folder = xstrndup(item->path, (size_t)(name - path));
			slash = strchr(name, '/');
			if (slash)
				*slash = '\0';
			size_t len = strlen(folder);
			if (len)
				folder[len - 1] = '\0';
			if (entry_check_name(name, slash ? ENTRY_FOLDER : item->kind, folder, err))
				return error_wrap(err, "the archive");
		}
		before = item->path;
	}
	return 0;
}

/* The length of "TOP/" when everything is below the one folder TOP, or 0. */
static size_t common_top(const struct listing *listing)
{
	const struct listing_item *first = &listing->items[0];
	const struct listing_item *last = &listing->items[listing->n - 1];
	size_t len = strcspn(first->path, "/");

	/* sorted, so what is between the two is below TOP as well */
	if (!first->path[len] && first->kind != ENTRY_FOLDER)
		return 0;
	_cleanup_free_ char *top = xstrndup(first->path, len);
	return str_equal(last->path, top) || is_below(last->path, top) ? len + 1 : 0;
}

struct writer {
	struct listing *listing;
	git_repository *repo;
	size_t next; /* the item to come */
};

/* Writes the tree of all items from NEXT on that start with the first LEN bytes of its path. An
 * empty one gives *out_n = 0. */
static int write_tree(struct writer *w, size_t len, git_oid *out, size_t *out_n, struct error *err);

static int add_item(struct writer *w, git_treebuilder *builder, size_t len, struct error *err)
{
	const struct listing_item *item = &w->listing->items[w->next];
	const char *name = item->path + len;
	git_filemode_t mode = item->kind == ENTRY_SYMLINK   ? GIT_FILEMODE_LINK
			      : item->kind == ENTRY_PROGRAM ? GIT_FILEMODE_BLOB_EXECUTABLE
							    : GIT_FILEMODE_BLOB;
	git_oid oid = item->oid;
	size_t name_len = strcspn(name, "/"), n = 1;

	_cleanup_free_ char *copy = xstrndup(name, name_len);
	if (name[name_len]) {
		if (write_tree(w, len + name_len + 1, &oid, &n, err))
			return -1;
		mode = GIT_FILEMODE_TREE;
	} else {
		w->next++;
		if (item->kind == ENTRY_FOLDER) /* what is in it follows, if anything */
			return 0;
	}
	int code = n ? git_treebuilder_insert(NULL, builder, copy, &oid, mode) : 0;
	if (!code)
		return 0;
	_cleanup_free_ char *shown = entry_printable(copy);
	return repo_git_error(err, code, "add '%s' to a folder", shown);
}

static int write_tree(struct writer *w, size_t len, git_oid *out, size_t *out_n, struct error *err)
{
	_cleanup_(git_treebuilder_freep) git_treebuilder *builder = NULL;
	const struct listing *listing = w->listing;
	const char *prefix = listing->items[w->next].path;

	int code = git_treebuilder_new(&builder, w->repo, NULL);
	if (code)
		return repo_git_error(err, code, "begin a folder");
	while (w->next < listing->n && !strncmp(listing->items[w->next].path, prefix, len))
		if (add_item(w, builder, len, err))
			return -1;
	*out_n = git_treebuilder_entrycount(builder);
	if (!*out_n)
		return 0;
	w->listing->files++;
	if (listing_check(w->listing, err))
		return -1;
	code = git_treebuilder_write(out, builder);
	return code ? repo_git_error(err, code, "write a folder") : 0;
}

static int refuse_empty(struct error *err)
{
	return error_set(err, ERROR_INVALID, 0, "the archive has no files");
}

int listing_write(struct listing *listing, git_repository *repo, git_oid *out, struct error *err)
{
	struct writer w = {.listing = listing, .repo = repo};
	size_t n = 0;
	git_oid oid;

	if (!listing->n)
		return refuse_empty(err);
	qsort(listing->items, listing->n, sizeof(*listing->items), by_path);
	if (check_conflicts(listing, err) || resolve_links(listing, err) ||
	    check_names(listing, err))
		return -1;
	/* folders are counted as they are written, named in the archive or not */
	listing->files = 0;
	for (size_t i = 0; i < listing->n; i++)
		listing->files += listing->items[i].kind != ENTRY_FOLDER;
	size_t top = listing->keep_top ? 0 : common_top(listing);
	/* the folder itself, which may be named several times */
	while (top && w.next < listing->n && strlen(listing->items[w.next].path) < top)
		w.next++;
	if (w.next == listing->n)
		return refuse_empty(err);
	if (write_tree(&w, top, &oid, &n, err))
		return -1;
	if (!n)
		return refuse_empty(err);
	*out = oid;
	return 0;
}
