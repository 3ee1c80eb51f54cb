// SPDX-License-Identifier: MIT
#include "receiver/export.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/random.h"
#include "receiver/libgit.h"
#include "receiver/plan.h"
#include "receiver/repo.h"
#include "receiver/unpack.h"

/* One export under way. */
struct exporter {
	git_repository *repo;
	int sources;      /* lib/sources */
	const char *tree; /* hex */
	git_oid oid;
	char boot[64]; /* "boot-ID" of the running system */
	struct plan_limits limits;
};

void export_stats_init(struct export_stats *stats)
{
	*stats = (struct export_stats){0};
	strvec_init(&stats->lfs);
	strvec_init(&stats->submodules);
	strvec_init(&stats->warnings);
}

void export_stats_release(struct export_stats *stats)
{
	strvec_release(&stats->lfs);
	strvec_release(&stats->submodules);
	strvec_release(&stats->warnings);
}

static int sources_open(const struct instance *inst, int *out, struct error *err)
{
	_cleanup_free_ char *path = instance_lib(inst, "sources");

	if (file_make_dirs(path, 0755, err))
		return -1;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	*out = fd;
	return 0;
}

/* Who makes, judges or removes TREE holds this, until *OUT is closed. It is one byte of one file,
 * the tree's own but for chance, so nothing has to be tidied up. */
static int lock_tree(int sources, const char *tree, bool wait, int *out, struct error *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	char head[16] = "";

	memcpy(head, tree, sizeof(head) - 1); /* 60 bits: within the range of off_t */
	lock.l_start = strtoll(head, NULL, 16);
	_cleanup_close_ int fd =
		openat(sources, ".lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open 'lib/sources/.lock'");
	while (fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &lock)) {
		if (errno == EAGAIN || errno == EACCES)
			return error_set(err, ERROR_BUSY, 0, "source tree '%s' is being made",
					 tree);
		if (errno != EINTR)
			return error_set(err, ERROR_SYSTEM, errno, "lock the source tree '%s'",
					 tree);
	}
	*out = TAKE_FD(fd);
	return 0;
}

static int boot_name(char *out, size_t size, struct error *err)
{
	_cleanup_strbuf_ struct strbuf id = STRBUF_INIT;

	if (file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &id, err))
		return -1;
	strbuf_trim(&id);
	snprintf(out, size, "boot-%s", id.data);
	return 0;
}

static int check_tree_id(const char *tree, struct error *err)
{
	if (gitdir_is_hex(tree))
		return 0;
	return error_set(err, ERROR_INVALID, 0, "'%.50s' is not a tree id", tree);
}

/* The folder of TREE, or -1 when there is none. */
static int open_tree_folder(int sources, const char *tree)
{
	return openat(sources, tree, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool is_trusted(const struct exporter *x, int folder)
{
	return file_exists(folder, "durable") || file_exists(folder, x->boot);
}

/* ---- about: what an export was, so that the next one need not count again ---- */

#define ABOUT_MAX (1u << 20)
/* "submodule", two spaces and a newline, and less than 200 bytes of numbers: never too long. */
_Static_assert((UNPACK_MAX_LFS + PLAN_MAX_SUBMODULES) * (PLAN_MAX_PATH + 16) + 200 < ABOUT_MAX,
	       "an about can be read again");

static int about_write(int folder, const struct export_stats *stats, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	strbuf_addf(&text, "files %llu\nbytes %llu\n", (unsigned long long)stats->files,
		    (unsigned long long)stats->bytes);
	for (size_t i = 0; i < stats->lfs.n; i++)
		if (!strchr(stats->lfs.v[i], '\n'))
			strbuf_addf(&text, "lfs %s\n", stats->lfs.v[i]);
	for (size_t i = 0; i < stats->submodules.n; i++)
		if (!strchr(stats->submodules.v[i], '\n'))
			strbuf_addf(&text, "submodule %s\n", stats->submodules.v[i]);
	_cleanup_close_ int fd =
		openat(folder, "about", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make 'about'");
	return file_write_all(fd, text.data, text.len, err);
}

static void about_parse(char *text, struct export_stats *out, unsigned *out_numbers)
{
	unsigned long long n;
	const char *rest;

	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		if ((rest = str_skip(line, "files ")) && !str_to_u64(rest, 0, UINT64_MAX, &n)) {
			out->files = n;
			++*out_numbers;
		} else if ((rest = str_skip(line, "bytes ")) &&
			   !str_to_u64(rest, 0, UINT64_MAX, &n)) {
			out->bytes = n;
			++*out_numbers;
		} else if ((rest = str_skip(line, "lfs "))) {
			strvec_push(&out->lfs, rest);
		} else if ((rest = str_skip(line, "submodule "))) {
			strvec_push(&out->submodules, rest);
		}
	}
}

/* OUT must be empty, and stays so on failure. */
static int about_read(int folder, struct export_stats *out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	unsigned numbers = 0;

	if (file_read(folder, "about", ABOUT_MAX, &text, err))
		return -1;
	about_parse(text.data, out, &numbers);
	if (numbers == 2)
		return 0;
	export_stats_release(out);
	export_stats_init(out);
	return error_set(err, ERROR_FAILED, 0, "'about' is damaged");
}

/* PATHS may have been cut at MAX. */
static void list_names(struct strbuf *out, const struct strvec *paths, size_t max)
{
	for (size_t i = 0; i < paths->n && i < 5; i++) {
		_cleanup_free_ char *shown = entry_printable(paths->v[i]);
		strbuf_addf(out, "%s'%s'", i ? ", " : "", shown);
	}
	if (paths->n > 5)
		strbuf_addf(out, " and %s%zu more", paths->n < max ? "" : "at least ",
			    paths->n - 5);
}

static void add_warnings(struct export_stats *stats)
{
	_cleanup_strbuf_ struct strbuf names = STRBUF_INIT;

	if (stats->submodules.n) {
		list_names(&names, &stats->submodules, PLAN_MAX_SUBMODULES);
		strvec_pushf(&stats->warnings,
			     "submodules are left empty: %s; add their files to the repository, or "
			     "fetch them in the build",
			     names.data);
	}
	strbuf_reset(&names);
	if (stats->lfs.n) {
		list_names(&names, &stats->lfs, UNPACK_MAX_LFS);
		strvec_pushf(
			&stats->warnings,
			"these are Git LFS pointers, not the files themselves: %s; commit them "
			"without LFS (git lfs migrate export), or fetch them in the build",
			names.data);
	}
}

/* ---- making one ---- */

/* The previous export as a source of links: its folder app/, its tree id and its size. Anything
 * doubtful means none. */
static int previous_open(const struct exporter *x, const char *previous, git_oid *out_oid,
			 struct export_stats *out_about)
{
	_cleanup_(git_tree_freep) git_tree *tree = NULL;

	if (!previous || !gitdir_is_hex(previous) || str_equal(previous, x->tree))
		return -1;
	_cleanup_close_ int folder = open_tree_folder(x->sources, previous);
	if (folder < 0 || !is_trusted(x, folder) || about_read(folder, out_about, NULL))
		return -1;
	git_oid_fromstr(out_oid, previous);
	if (git_tree_lookup(&tree, x->repo, out_oid))
		return -1;
	return openat(folder, "app", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* LFS pointers among the files that were only linked are those of the previous export. */
static void carry_lfs(const struct plan *plan, const struct export_stats *before,
		      struct strvec *lfs)
{
	for (size_t i = 0; before->lfs.n && i < plan->n; i++)
		if (plan->items[i].same && strvec_has(&before->lfs, plan->items[i].path) &&
		    !strvec_has(lfs, plan->items[i].path) && lfs->n < UNPACK_MAX_LFS)
			strvec_push(lfs, plan->items[i].path);
}

static int touch(int folder, const char *name, struct error *err)
{
	_cleanup_close_ int fd = openat(folder, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make '%s'", name);
	return 0;
}

/* Fills the folder FOLDER with app/, about and the boot marker. */
static int fill(const struct exporter *x, const char *previous, int folder,
		struct export_stats *out, struct error *err)
{
	_cleanup_(plan_release) struct plan plan = {0};
	_cleanup_export_ struct export_stats before;
	struct plan_limits limits = x->limits;
	struct unpack_result result = {0};
	git_oid previous_oid;

	export_stats_init(&before);
	_cleanup_close_ int link_from = previous_open(x, previous, &previous_oid, &before);
	limits.previous_bytes = link_from >= 0 ? before.bytes : 0;
	if (plan_make(x->repo, &x->oid, link_from >= 0 ? &previous_oid : NULL, &limits, &plan, err))
		return -1;
	if (mkdirat(folder, "app", 0755))
		return error_set(err, ERROR_SYSTEM, errno, "make 'app'");
	_cleanup_close_ int app = openat(folder, "app", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (app < 0 || fchmod(app, 0755))
		return error_set(err, ERROR_SYSTEM, errno, "make 'app'");
	strvec_init(&result.lfs);
	int ret = unpack_write(x->repo, &plan, link_from, app, &result, err);
	if (ret == 0) {
		carry_lfs(&plan, &before, &result.lfs);
		out->files = plan.files;
		out->bytes = plan.bytes;
		out->written = result.written;
		out->linked = result.linked;
		strvec_push_all(&out->lfs, result.lfs.v);
		strvec_push_all(&out->submodules, plan.submodules.v);
		ret = about_write(folder, out, err);
	}
	strvec_release(&result.lfs);
	return ret ? -1 : touch(folder, x->boot, err);
}

/* Makes a folder and locks it, which tells export_sweep that we live. A sweep that comes between
 * the two may take the folder away; the next one will do. The caller frees *out_name. */
static int new_folder(const struct exporter *x, char **out_name, int *out, struct error *err)
{
	for (int i = 0; i < 100; i++) {
		char id[17];
		struct stat st;
		random_hex(id, sizeof(id) - 1);
		_cleanup_free_ char *name = xasprintf(".new-%s", id);
		if (mkdirat(x->sources, name, 0755))
			return error_set(err, ERROR_SYSTEM, errno, "make a folder in lib/sources");
		_cleanup_close_ int folder = open_tree_folder(x->sources, name);
		if (folder < 0 && errno == ENOENT)
			continue;
		if (folder < 0 || flock(folder, LOCK_EX)) {
			error_set(err, ERROR_SYSTEM, errno, "open a folder in lib/sources");
			file_remove_tree(x->sources, name, NULL);
			return -1;
		}
		/* held by a sweep until now: then it has no name any more */
		if (fstatat(x->sources, name, &st, AT_SYMLINK_NOFOLLOW) || fchmod(folder, 0755))
			continue;
		*out_name = TAKE_PTR(name);
		*out = TAKE_FD(folder);
		return 0;
	}
	return error_set(err, ERROR_BUSY, 0, "folders in lib/sources go away again and again");
}

/* Makes the export in a folder of its own and renames it into place. */
static int make_new(const struct exporter *x, const char *previous, struct export_stats *out,
		    struct error *err)
{
	_cleanup_free_ char *name = NULL;
	_cleanup_close_ int folder = -1;

	if (new_folder(x, &name, &folder, err))
		return -1;
	if (fill(x, previous, folder, out, err) == 0) {
		if (renameat2(x->sources, name, x->sources, x->tree, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno == EEXIST) /* theirs is as good */
			return file_remove_tree(x->sources, name, err);
		error_set(err, ERROR_SYSTEM, errno, "rename the export into place");
	}
	file_remove_tree(x->sources, name, NULL);
	return -1;
}

/* ---- finding one ---- */

/* Takes TREE, the open FOLDER, out of the way. One that a container still holds stays on disk until
 * an export_sweep finds it free. */
static int discard(int sources, const char *tree, int folder, struct error *err)
{
	char id[17];

	random_hex(id, sizeof(id) - 1);
	_cleanup_free_ char *gone = xasprintf(".gone-%s", id);
	bool in_use = flock(folder, LOCK_EX | LOCK_NB) < 0;
	/* renamed first: nobody sees half a tree */
	if (renameat(sources, tree, sources, gone)) {
		if (errno == ENOENT)
			return 0;
		return error_set(err, ERROR_SYSTEM, errno, "remove the source tree '%s'", tree);
	}
	return in_use ? 0 : file_remove_tree(sources, gone, err);
}

/* A tree written before this boot and never synced: compares it with git. */
static int verify(const struct exporter *x, int folder, struct error *err)
{
	_cleanup_(plan_release) struct plan plan = {0};
	_cleanup_export_ struct export_stats about;

	export_stats_init(&about);
	if (about_read(folder, &about, err) ||
	    plan_make(x->repo, &x->oid, NULL, &x->limits, &plan, err))
		return -1;
	if (about.files != plan.files || about.bytes != plan.bytes)
		return error_set(err, ERROR_FAILED, 0, "'about' is damaged");
	_cleanup_close_ int app =
		openat(folder, "app", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (app < 0)
		return error_set(err, ERROR_FAILED, errno, "'app' is damaged");
	if (unpack_verify(x->repo, &plan, app, err))
		return -1;
	return touch(folder, x->boot, err);
}

/* *out_found: TREE is there and can be used. A damaged one is removed. */
static int find(const struct exporter *x, struct export_stats *out, bool *out_found,
		struct error *err)
{
	_cleanup_close_ int folder = open_tree_folder(x->sources, x->tree);
	struct error why = ERROR_INIT;

	*out_found = false;
	if (folder < 0)
		return 0;
	if ((!is_trusted(x, folder) && verify(x, folder, &why)) || about_read(folder, out, &why))
		return discard(x->sources, x->tree, folder, err);
	out->existed = true;
	*out_found = true;
	return 0;
}

static int read_limits(const struct instance *inst, struct plan_limits *out, struct error *err)
{
	unsigned long long files, bytes;

	if (instance_setting_u64(inst, "git", "archive-max-files", 1, 100000000, EXPORT_MAX_FILES,
				 &files, err) ||
	    instance_setting_u64(inst, "git", "archive-max-size", 1, 1ull << 50, EXPORT_MAX_BYTES,
				 &bytes, err))
		return -1;
	*out = (struct plan_limits){.max_files = files, .max_bytes = bytes};
	return 0;
}

int export_tree(const struct instance *inst, const char *app, const char *tree,
		const char *previous, struct export_stats *out, struct error *err)
{
	_cleanup_(git_repository_freep) git_repository *repo = NULL;
	_cleanup_close_ int sources = -1, lock = -1;
	struct exporter x = {.tree = tree};
	bool found;

	if (check_tree_id(tree, err) || read_limits(inst, &x.limits, err) ||
	    boot_name(x.boot, sizeof(x.boot), err) || repo_open(inst, app, &repo, err) ||
	    sources_open(inst, &sources, err) || lock_tree(sources, tree, true, &lock, err))
		return -1;
	x.repo = repo;
	x.sources = sources;
	git_oid_fromstr(&x.oid, tree);
	if (find(&x, out, &found, err) || (!found && make_new(&x, previous, out, err)))
		return error_wrap(err, "export the source tree %.10s of '%s'", tree, app);
	add_warnings(out);
	return 0;
}

int export_settle(const struct instance *inst, const char *tree, struct error *err)
{
	_cleanup_close_ int sources = -1;

	if (check_tree_id(tree, err) || sources_open(inst, &sources, err))
		return -1;
	_cleanup_close_ int folder = open_tree_folder(sources, tree);
	if (folder < 0)
		return error_set(err, ERROR_NOT_FOUND, 0, "there is no source tree '%s'", tree);
	if (file_exists(folder, "durable"))
		return 0;
	if (syncfs(folder))
		return error_set(err, ERROR_SYSTEM, errno, "sync the source tree '%s'", tree);
	if (touch(folder, "durable", err))
		return -1;
	if (fsync(folder))
		return error_set(err, ERROR_SYSTEM, errno, "sync the source tree '%s'", tree);
	return 0;
}

int export_read_file(const struct instance *inst, const char *tree, const char *path, size_t max,
		     struct strbuf *out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf content = STRBUF_INIT;
	_cleanup_close_ int sources = -1;
	struct error why = ERROR_INIT;
	struct stat st;

	if (check_tree_id(tree, err) || sources_open(inst, &sources, err))
		return -1;
	_cleanup_free_ char *app_path = xasprintf("%s/app", tree);
	_cleanup_close_ int app =
		openat(sources, app_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (app < 0)
		return error_set(err, ERROR_NOT_FOUND, 0, "there is no source tree '%s'", tree);
	_cleanup_free_ char *shown = entry_printable(path);
	_cleanup_close_ int fd = file_open_beneath(app, path, O_RDONLY | O_NONBLOCK, 0, true, &why);
	if (fd < 0)
		return error_set(err, why.code, why.sys, "open '%s'", shown);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return error_set(err, ERROR_INVALID, 0, "'%s' is not a file", shown);
	strbuf_cap(&content, max + 1);
	if (strbuf_read_fd(&content, fd, err))
		return -1;
	if (content.len > max)
		return error_set(err, ERROR_INVALID, 0, "'%s' is longer than %zu bytes", shown,
				 max);
	strbuf_add(out, content.data, content.len);
	return 0;
}

/* Makes sure that nobody uses or makes TREE, until *OUT_LOCK is closed; *OUT_FOLDER is -1 when it
 * is not there. */
static int take_idle(int sources, const char *tree, int *out_lock, int *out_folder,
		     struct error *err)
{
	_cleanup_close_ int lock = -1, folder = -1;

	if (lock_tree(sources, tree, false, &lock, err))
		return -1;
	/* a container that has it mounted holds a shared lock on it */
	folder = open_tree_folder(sources, tree);
	if (folder < 0 && errno != ENOENT)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", tree);
	if (folder >= 0 && flock(folder, LOCK_EX | LOCK_NB) < 0)
		return error_set(err, ERROR_BUSY, errno, "source tree '%s' is in use", tree);
	*out_lock = TAKE_FD(lock);
	*out_folder = TAKE_FD(folder);
	return 0;
}

int export_remove(const struct instance *inst, const char *tree, struct error *err)
{
	_cleanup_close_ int sources = -1, lock = -1, folder = -1;

	if (check_tree_id(tree, err) || sources_open(inst, &sources, err) ||
	    take_idle(sources, tree, &lock, &folder, err))
		return -1;
	return folder < 0 ? 0 : discard(sources, tree, folder, err);
}

int export_check_idle(const struct instance *inst, const char *tree, struct error *err)
{
	_cleanup_close_ int sources = -1, lock = -1, folder = -1;

	if (check_tree_id(tree, err) || sources_open(inst, &sources, err))
		return -1;
	return take_idle(sources, tree, &lock, &folder, err);
}

static void close_dirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int read_names(int sources, struct strvec *out, struct error *err)
{
	_cleanup_(close_dirp) DIR *dir = NULL;
	int fd = openat(sources, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || !(dir = fdopendir(fd))) {
		close_fd(fd);
		return error_set(err, ERROR_SYSTEM, errno, "list lib/sources");
	}
	for (struct dirent *entry; (entry = readdir(dir));)
		strvec_push(out, entry->d_name);
	return 0;
}

int export_list(const struct instance *inst, struct strvec *out, struct error *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	_cleanup_close_ int sources = -1;

	if (sources_open(inst, &sources, err) || read_names(sources, &names, err))
		return -1;
	for (size_t i = 0; i < names.n; i++)
		if (gitdir_is_hex(names.v[i]))
			strvec_push(out, names.v[i]);
	return 0;
}

int export_sweep(const struct instance *inst, bool dry, struct strvec *out, struct error *err)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	_cleanup_close_ int sources = -1;

	if (sources_open(inst, &sources, err) || read_names(sources, &names, err))
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		if (!str_starts(names.v[i], ".new-") && !str_starts(names.v[i], ".gone-"))
			continue;
		_cleanup_close_ int folder = open_tree_folder(sources, names.v[i]);
		if (folder < 0 || flock(folder, LOCK_EX | LOCK_NB) < 0)
			continue;
		if (!dry && file_remove_tree(sources, names.v[i], err))
			return -1;
		strvec_pushf(out, "half-written source %s", names.v[i]);
	}
	return 0;
}
