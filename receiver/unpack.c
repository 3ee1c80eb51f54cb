// SPDX-License-Identifier: MIT
#include "receiver/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "receiver/libgit.h"
#include "receiver/repo.h"

/* libgit2 holds a whole file in memory; larger ones are written by git, which streams. */
#define LARGE_FILE (16u << 20)

struct unpack {
	git_repository *repo;
	git_odb *odb;
	const struct plan *plan;
	int previous, dir;
	struct unpack_result *out;
};

static const char lfs_head[] = "version https://git-lfs";

/* "WHAT 'PATH'", the path of ITEM as a message may show it. */
static int fail(struct error *err, enum error_code code, int sys, const char *what,
		const struct plan_item *item)
{
	_cleanup_free_ char *shown = entry_printable(item->path);

	return error_set(err, code, sys, "%s '%s'", what, shown);
}

static int fail_git(struct error *err, int code, const struct plan_item *item)
{
	_cleanup_free_ char *shown = entry_printable(item->path);

	return repo_git_error(err, code, "read '%s'", shown);
}

static int read_blob(git_repository *repo, const struct plan_item *item, git_blob **out,
		     struct error *err)
{
	int code = git_blob_lookup(out, repo, &item->oid);

	return code ? fail_git(err, code, item) : 0;
}

static int write_large(struct unpack *u, const struct plan_item *item, int fd, struct error *err)
{
	_cleanup_child_ struct child git;
	char hex[REPO_HEX_SIZE];

	child_init(&git);
	git_oid_tostr(hex, sizeof(hex), &item->oid);
	child_args(&git, "git", "--git-dir", git_repository_path(u->repo), "cat-file", "blob", hex,
		   NULL);
	strvec_push(&git.env, "GIT_CONFIG_NOSYSTEM=1");
	strvec_push(&git.env, "GIT_CONFIG_GLOBAL=/dev/null");
	git.out = fd;
	git.die_with_parent = true;
	if (child_start(&git, err) || child_wait(&git, err))
		return -1;
	if (git.status)
		return fail(err, ERROR_FAILED, 0, "git could not write", item);
	return 0;
}

/* The plan has no size for what was to be linked. */
static int file_size(struct unpack *u, const struct plan_item *item, uint64_t *out,
		     struct error *err)
{
	git_object_t type;
	size_t size = (size_t)item->size;

	int code = item->same ? git_odb_read_header(&size, &type, u->odb, &item->oid) : 0;
	if (code)
		return fail_git(err, code, item);
	*out = size;
	return 0;
}

static int write_file(struct unpack *u, const struct plan_item *item, struct error *err)
{
	_cleanup_(git_blob_freep) git_blob *blob = NULL;
	mode_t mode = item->kind == ENTRY_PROGRAM ? 0755 : 0644;
	uint64_t size;

	if (file_size(u, item, &size, err))
		return -1;
	_cleanup_close_ int fd = openat(u->dir, item->path,
					O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return fail(err, ERROR_SYSTEM, errno, "make", item);
	if (size > LARGE_FILE)
		return write_large(u, item, fd, err);
	if (read_blob(u->repo, item, &blob, err))
		return -1;
	const char *data = git_blob_rawcontent(blob);
	size_t len = (size_t)git_blob_rawsize(blob);
	if (file_write_all(fd, data, len, err)) {
		_cleanup_free_ char *shown = entry_printable(item->path);
		return error_wrap(err, "'%s'", shown);
	}
	if (len > sizeof(lfs_head) && len < 1024 && !memcmp(data, lfs_head, sizeof(lfs_head) - 1) &&
	    u->out->lfs.n < UNPACK_MAX_LFS)
		strvec_push(&u->out->lfs, item->path);
	return 0;
}

/* The text of a link, checked. */
static int read_link(git_repository *repo, const struct plan_item *item, char **out,
		     struct error *err)
{
	_cleanup_(git_blob_freep) git_blob *blob = NULL;

	if (read_blob(repo, item, &blob, err))
		return -1;
	const char *data = git_blob_rawcontent(blob);
	size_t len = (size_t)git_blob_rawsize(blob);
	if (!len || len > PLAN_MAX_LINK || memchr(data, '\0', len))
		return fail(err, ERROR_INVALID, 0, "the commit has an invalid symbolic link", item);
	*out = xstrndup(data, len);
	return 0;
}

static int write_item(struct unpack *u, const struct plan_item *item, struct error *err)
{
	if (item->kind == ENTRY_FOLDER || item->kind == ENTRY_SUBMODULE) {
		if (mkdirat(u->dir, item->path, 0755))
			return fail(err, ERROR_SYSTEM, errno, "make the folder", item);
		return 0;
	}
	if (item->same && u->previous >= 0 &&
	    linkat(u->previous, item->path, u->dir, item->path, 0) == 0) {
		u->out->linked++;
		return 0;
	}
	/* too many links to one file, or another file system: an ordinary copy will do */
	u->out->written++;
	if (item->kind != ENTRY_SYMLINK)
		return write_file(u, item, err);
	_cleanup_free_ char *target = NULL;
	if (read_link(u->repo, item, &target, err))
		return -1;
	if (symlinkat(target, u->dir, item->path))
		return fail(err, ERROR_SYSTEM, errno, "make the link", item);
	return 0;
}

/* Links are checked before anything is written, like all else that a pusher can get wrong. */
static int check_links(struct unpack *u, struct error *err)
{
	for (size_t i = 0; i < u->plan->n; i++) {
		const struct plan_item *item = &u->plan->items[i];
		_cleanup_free_ char *target = NULL;
		if (item->kind == ENTRY_SYMLINK && !item->same &&
		    read_link(u->repo, item, &target, err))
			return -1;
	}
	return 0;
}

int unpack_write(git_repository *repo, const struct plan *plan, int previous, int dir,
		 struct unpack_result *out, struct error *err)
{
	_cleanup_(git_odb_freep) git_odb *odb = NULL;
	int ret = git_repository_odb(&odb, repo);

	if (ret)
		return repo_git_error(err, ret, "open the repository's objects");
	struct unpack u = {.repo = repo,
			   .odb = odb,
			   .plan = plan,
			   .previous = previous,
			   .dir = dir,
			   .out = out};
	if (check_links(&u, err))
		return -1;
	mode_t mask = umask(022);
	for (size_t i = 0; ret == 0 && i < plan->n; i++)
		ret = write_item(&u, &plan->items[i], err);
	umask(mask);
	return ret;
}

/* ---- verifying ---- */

static int damaged(const struct plan_item *item, struct error *err)
{
	return fail(err, ERROR_FAILED, 0, "the export is damaged at", item);
}

static int verify_file(const struct unpack *u, const struct plan_item *item, struct error *err)
{
	mode_t mode = item->kind == ENTRY_PROGRAM ? 0755 : 0644;
	struct stat st;
	git_oid oid;

	_cleanup_close_ int fd = file_open_beneath(
		u->dir, item->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, true, NULL);
	if (fd < 0)
		return damaged(item, err);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || (st.st_mode & 07777) != mode ||
	    (uint64_t)st.st_size != item->size)
		return damaged(item, err);
	_cleanup_free_ char *path = xasprintf("/proc/self/fd/%d", fd);
	if (git_odb_hashfile(&oid, path, GIT_OBJECT_BLOB) || !git_oid_equal(&oid, &item->oid))
		return damaged(item, err);
	return 0;
}

static int verify_item(const struct unpack *u, const struct plan_item *item, struct error *err)
{
	char target[PLAN_MAX_LINK + 1];
	struct stat st;
	git_oid oid;

	if (item->kind == ENTRY_FILE || item->kind == ENTRY_PROGRAM)
		return verify_file(u, item, err);
	if (item->kind == ENTRY_SYMLINK) {
		ssize_t n = readlinkat(u->dir, item->path, target, sizeof(target));
		if (n < 0 || (uint64_t)n != item->size ||
		    git_odb_hash(&oid, target, (size_t)n, GIT_OBJECT_BLOB) ||
		    !git_oid_equal(&oid, &item->oid))
			return damaged(item, err);
		return 0;
	}
	if (fstatat(u->dir, item->path, &st, AT_SYMLINK_NOFOLLOW) || !S_ISDIR(st.st_mode))
		return damaged(item, err);
	return 0;
}

int unpack_verify(git_repository *repo, const struct plan *plan, int dir, struct error *err)
{
	struct unpack u = {.repo = repo, .plan = plan, .previous = -1, .dir = dir};

	for (size_t i = 0; i < plan->n; i++)
		if (verify_item(&u, &plan->items[i], err))
			return -1;
	return 0;
}
