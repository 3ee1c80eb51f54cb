/* SPDX-License-Identifier: MIT */
#include "runtime/layer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/random.h"
#include "instance/name.h"

#define NEW ".new"
#define GONE ".gone"
#define COMMIT_WAIT_MS 2000
#define CLEANUP_GRACE_MS 250
/* Up to this many entries are synced one by one, each with a flush of the disk's cache (2 ms and
 * more); for more the whole file system costs less, also on a busy disk. */
#define SYNC_MAX_ENTRIES 8
#define SYNC_MAX_DEPTH 32

static int check_id(const char *id, struct error *err)
{
	if (name_is_id(id))
		return 0;
	return error_set(err, ERROR_INVALID, 0, "'%.64s' cannot be the id of a layer", id);
}

static int open_root(const struct instance *inst, int *out, struct error *err)
{
	_cleanup_free_ char *path = instance_lib(inst, "layers");
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM, errno,
				 "open '%s'", path);
	*out = fd;
	return 0;
}

static int make_root(const struct instance *inst, int *out, struct error *err)
{
	_cleanup_free_ char *path = instance_lib(inst, "layers");
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_set(err, ERROR_SYSTEM, errno, "make '%s'", path);
	_cleanup_close_ int root = -1;
	if (open_root(inst, &root, err) < 0)
		return -1;
	/* lib is user berth's: what stands here must be root's and closed to others */
	struct stat st;
	if (fstat(root, &st) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "stat '%s'", path);
	if (st.st_uid != geteuid())
		return error_set(err, ERROR_DENIED, 0, "'%s' belongs to uid %u, not to root", path,
				 st.st_uid);
	if ((mkdirat(root, NEW, 0700) < 0 && errno != EEXIST) ||
	    (mkdirat(root, GONE, 0700) < 0 && errno != EEXIST))
		return error_set(err, ERROR_SYSTEM, errno, "make folders in '%s'", path);
	*out = TAKE_FD(root);
	return 0;
}

static int lock_tree(int fd, int how, const char *id, struct error *err)
{
	struct stat st;
	while (flock(fd, how | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EWOULDBLOCK)
			return error_set(err, ERROR_BUSY, 0, "layer '%s' is in use", id);
		return error_set(err, ERROR_SYSTEM, errno, "lock layer '%s'", id);
	}
	/* it may have been removed between being opened and being locked */
	if (fstat(fd, &st) < 0 || st.st_nlink == 0)
		return error_set(err, ERROR_NOT_FOUND, 0, "no layer '%s'", id);
	return 0;
}

static int open_tree_below(int root, const char *where, const char *id, const char *sub, int *out,
			   struct error *err)
{
	_cleanup_free_ char *path = xasprintf("%s%s%s", where, id, sub);
	struct error why = ERROR_INIT;
	int fd = file_open_beneath(root, path, O_RDONLY | O_DIRECTORY, 0, true, &why);
	if (fd < 0 && why.code == ERROR_NOT_FOUND)
		return error_set(err, ERROR_NOT_FOUND, 0, "no layer '%s'", id);
	if (fd < 0)
		return error_set(err, why.code, 0, "%s", why.message);
	*out = fd;
	return 0;
}

static int open_source(const struct instance *inst, const char *tree, int *out, struct error *err)
{
	_cleanup_free_ char *path = instance_lib(inst, "sources");
	_cleanup_close_ int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (root < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	_cleanup_close_ int fd = -1, app = -1;
	if (open_tree_below(root, "", tree, "", &fd, err) < 0 ||
	    open_tree_below(root, "", tree, "/app", &app, err) < 0 ||
	    lock_tree(fd, LOCK_SH, tree, err) < 0)
		return error_wrap(err, "source tree");
	*out = TAKE_FD(fd);
	return 0;
}

static int read_owner(int root, const char *where, const char *id, uid_t *out, struct error *err)
{
	_cleanup_free_ char *path = xasprintf("%s%s/owner", where, id);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	unsigned long long owner;
	if (file_read(root, path, 64, &text, err) < 0)
		return error_wrap(err, "layer '%s'", id);
	strbuf_trim(&text);
	if (str_to_u64(text.data, 1, UINT32_MAX - INSTANCE_RANGE_SIZE, &owner) < 0)
		return error_set(err, ERROR_INVALID, 0, "layer '%s': its owner '%s' is no id", id,
				 text.data);
	*out = (uid_t)owner;
	return 0;
}

int layer_open(const struct instance *inst, const char *ref, int *out_dirfd, uid_t *out_base,
	       uint32_t *out_count, struct error *err)
{
	const char *id = str_skip(ref, "layer/");
	const char *tree = str_skip(ref, "source/");
	_cleanup_close_ int fd = -1;
	uid_t owner = inst->uid;
	if (!id && !tree)
		return error_set(err, ERROR_INVALID, 0,
				 "'%.64s' is neither 'layer/ID' nor 'source/TREE'", ref);
	if (check_id(id ? id : tree, err) < 0)
		return -1;
	if (tree) {
		if (open_source(inst, tree, &fd, err) < 0)
			return -1;
	} else {
		_cleanup_close_ int root = -1;
		if (open_root(inst, &root, err) < 0 ||
		    open_tree_below(root, "", id, "/data", &fd, err) < 0 ||
		    lock_tree(fd, LOCK_SH, id, err) < 0 ||
		    read_owner(root, "", id, &owner, err) < 0)
			return -1;
	}
	*out_dirfd = TAKE_FD(fd);
	*out_base = owner;
	*out_count = tree ? 1 : INSTANCE_RANGE_SIZE;
	return 0;
}

int layer_open_unpacked(const struct instance *inst, const char *id, int *out_dirfd,
			uid_t *out_base, struct error *err)
{
	static const char *const places[] = {"", NEW "/"};
	_cleanup_close_ int root = -1, fd = -1;
	const char *where = "";
	if (check_id(id, err) < 0 || open_root(inst, &root, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(places) && fd < 0; i++) {
		where = places[i];
		open_tree_below(root, where, id, "/data", &fd, NULL);
	}
	if (fd < 0)
		return error_set(err, ERROR_NOT_FOUND, 0, "no layer '%s'", id);
	if (lock_tree(fd, LOCK_SH, id, err) < 0 || read_owner(root, where, id, out_base, err) < 0)
		return -1;
	*out_dirfd = TAKE_FD(fd);
	return 0;
}

bool layer_is_opaque(int folder)
{
	char value;
	return fgetxattr(folder, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

/* Takes WHERE/ID out of sight, then away. Its lock is held all the while. */
static int remove_from(int root, const char *where, const char *id, struct error *err)
{
	_cleanup_close_ int data = -1;
	struct error why = ERROR_INIT;
	if (open_tree_below(root, where, id, "/data", &data, &why) < 0) {
		if (why.code != ERROR_NOT_FOUND)
			return error_set(err, why.code, 0, "%s", why.message);
	} else if (lock_tree(data, LOCK_EX, id, &why) < 0 && why.code != ERROR_NOT_FOUND) {
		return error_set(err, why.code, 0, "%s", why.message);
	}
	char suffix[9];
	random_hex(suffix, 8);
	_cleanup_free_ char *from = xasprintf("%s%s", where, id);
	_cleanup_free_ char *to = xasprintf(GONE "/%s", suffix);
	if (renameat(root, from, root, to) < 0) {
		if (errno == ENOENT)
			return 0;
		return error_set(err, ERROR_SYSTEM, errno, "remove layer '%s'", id);
	}
	return file_remove_tree(root, to, err);
}

static int make_owned(int dir, const char *name, mode_t mode, uid_t owner, int *out,
		      struct error *err)
{
	_cleanup_close_ int fd = -1;
	if (mkdirat(dir, name, 0700) < 0 ||
	    (fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)) < 0 ||
	    fchown(fd, owner, owner) < 0 || fchmod(fd, mode) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make '%s'", name);
	*out = TAKE_FD(fd);
	return 0;
}

static int write_owner(int dir, uid_t owner, struct error *err)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%u\n", owner);
	_cleanup_close_ int fd =
		openat(dir, "owner", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "create 'owner'");
	return file_write_all(fd, text, (size_t)n, err);
}

int layer_create_upper(const struct instance *inst, const char *id, unsigned range,
		       int *out_upper_dirfd, int *out_work_dirfd, struct error *err)
{
	_cleanup_close_ int root = -1, dir = -1, data = -1, work = -1;
	if (check_id(id, err) < 0 || make_root(inst, &root, err) < 0)
		return -1;
	if (range >= INSTANCE_RANGES)
		return error_set(err, ERROR_INVALID, 0, "there is no id range %u", range);
	uid_t owner = instance_range_base(inst, range);
	if (file_exists(root, id))
		return error_set(err, ERROR_EXISTS, 0, "layer '%s' exists already", id);
	if (remove_from(root, NEW "/", id, err) < 0)
		return -1;
	_cleanup_free_ char *path = xasprintf(NEW "/%s", id);
	if (mkdirat(root, path, 0700) < 0)
		return error_set(err, errno == EEXIST ? ERROR_BUSY : ERROR_SYSTEM, errno,
				 "make layer '%s'", id);
	dir = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open layer '%s'", id);
	if (write_owner(dir, owner, err) < 0 ||
	    make_owned(dir, "data", 0755, owner, &data, err) < 0 ||
	    make_owned(dir, "work", 0700, owner, &work, err) < 0 ||
	    lock_tree(data, LOCK_SH, id, err) < 0) {
		file_remove_tree(root, path, NULL);
		return error_wrap(err, "layer '%s'", id);
	}
	*out_upper_dirfd = TAKE_FD(data);
	*out_work_dirfd = TAKE_FD(work);
	return 0;
}

/* Starts (WAIT false) or completes the writing of what is below FD, which it closes. Gives false
 * when that would take too long or failed: the caller then syncs the file system. Opens nothing but
 * files and folders. */
static bool sync_entries(int fd, bool wait, unsigned depth, unsigned *left)
{
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return false;
	}
	bool done = depth < SYNC_MAX_DEPTH;
	struct dirent *entry;
	while (done && (entry = readdir(dir))) {
		struct stat st;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		done = (*left)-- > 1 && fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0;
		if (!done || !(S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)))
			continue;
		int sub = openat(fd, entry->d_name,
				 O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
		if (sub < 0) {
			done = false;
		} else if (S_ISDIR(st.st_mode)) {
			done = sync_entries(sub, wait, depth + 1, left);
		} else {
			done = wait ? fsync(sub) == 0
				    : sync_file_range(sub, 0, 0, SYNC_FILE_RANGE_WRITE) == 0;
			close(sub);
		}
	}
	done = done && (!wait || fsync(fd) == 0);
	closedir(dir);
	return done;
}

void layer_begin_sync(int tree)
{
	unsigned left = UINT_MAX;
	int fd = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		sync_entries(fd, false, 0, &left);
}

/* Two passes: the first counts and has all data on its way before anything is waited for. */
static int sync_layer(int root, const char *path, struct error *err)
{
	for (int wait = 0; wait < 2; wait++) {
		unsigned left = SYNC_MAX_ENTRIES;
		int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
		if (sync_entries(fd, wait, 0, &left))
			continue;
		if (syncfs(root) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "sync '%s'", path);
		return 0;
	}
	return 0;
}

static int wait_unused(int data, const char *id, struct error *err)
{
	int64_t end = clock_ms() + COMMIT_WAIT_MS;
	for (;;) {
		struct error why = ERROR_INIT;
		if (lock_tree(data, LOCK_EX, id, &why) == 0)
			return 0;
		if (why.code != ERROR_BUSY || clock_ms() >= end)
			return error_set(err, why.code, 0, "%s", why.message);
		clock_sleep_ms(5);
	}
}

int layer_commit(const struct instance *inst, const char *id, struct error *err)
{
	_cleanup_close_ int root = -1, fresh = -1, data = -1;
	if (check_id(id, err) < 0 || open_root(inst, &root, err) < 0 ||
	    open_tree_below(root, NEW "/", id, "/data", &data, err) < 0 ||
	    wait_unused(data, id, err) < 0)
		return error_wrap(err, "commit");
	_cleanup_free_ char *path = xasprintf(NEW "/%s", id);
	_cleanup_free_ char *work = xasprintf(NEW "/%s/work", id);
	if (file_remove_tree(root, work, err) < 0 || sync_layer(root, path, err) < 0)
		return error_wrap(err, "commit layer '%s'", id);
	if (renameat2(root, path, root, id, RENAME_NOREPLACE) < 0)
		return error_set(err, errno == EEXIST ? ERROR_EXISTS : ERROR_SYSTEM, errno,
				 "commit layer '%s'", id);
	fresh = openat(root, NEW, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fsync(root) < 0 || fresh < 0 || fsync(fresh) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "sync the folder of layer '%s'", id);
	return 0;
}

int layer_rename(const struct instance *inst, const char *id, const char *to, struct error *err)
{
	_cleanup_close_ int root = -1, data = -1;
	if (check_id(id, err) < 0 || check_id(to, err) < 0 || open_root(inst, &root, err) < 0 ||
	    open_tree_below(root, "", id, "/data", &data, err) < 0 ||
	    wait_unused(data, id, err) < 0)
		return error_wrap(err, "rename");
	if (renameat2(root, id, root, to, RENAME_NOREPLACE) < 0)
		return error_set(err, errno == EEXIST ? ERROR_EXISTS : ERROR_SYSTEM, errno,
				 "rename layer '%s' to '%s'", id, to);
	if (fsync(root) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "sync the folder of layer '%s'", to);
	return 0;
}

int layer_discard(const struct instance *inst, const char *id, struct error *err)
{
	_cleanup_close_ int root = -1;
	if (check_id(id, err) < 0 || make_root(inst, &root, err) < 0)
		return -1;
	return remove_from(root, NEW "/", id, err);
}

int layer_remove(const struct instance *inst, const char *id, struct error *err)
{
	_cleanup_close_ int root = -1;
	if (check_id(id, err) < 0 || make_root(inst, &root, err) < 0)
		return -1;
	if (remove_from(root, "", id, err) < 0)
		return -1;
	return remove_from(root, NEW "/", id, err);
}

int layer_check_idle(const struct instance *inst, const char *id, struct error *err)
{
	_cleanup_close_ int root = -1, data = -1;
	if (check_id(id, err) < 0 || open_root(inst, &root, err) < 0)
		return -1;
	if (open_tree_below(root, "", id, "/data", &data, NULL) < 0)
		return 0;
	return lock_tree(data, LOCK_EX, id, err);
}

bool layer_exists(const struct instance *inst, const char *id)
{
	_cleanup_close_ int root = -1, data = -1;
	return check_id(id, NULL) == 0 && open_root(inst, &root, NULL) == 0 &&
	       open_tree_below(root, "", id, "/data", &data, NULL) == 0;
}

/* The entries of PATH below ROOT, sorted; with IDS only those that are ids. */
static int list_folder(int root, const char *path, bool ids, struct strvec *out, struct error *err)
{
	int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		error_set(err, ERROR_SYSTEM, errno, "list '%s'", path);
		close_fd(fd);
		return -1;
	}
	struct dirent *entry;
	while ((entry = readdir(dir)))
		if (ids ? name_is_id(entry->d_name) : entry->d_name[0] != '.')
			strvec_push(out, entry->d_name);
	closedir(dir);
	strvec_sort(out);
	return 0;
}

int layer_list(const struct instance *inst, struct strvec *out, struct error *err)
{
	_cleanup_close_ int root = -1;
	struct error why = ERROR_INIT;
	if (open_root(inst, &root, &why) < 0)
		return why.code == ERROR_NOT_FOUND ? 0
						   : error_set(err, why.code, 0, "%s", why.message);
	return list_folder(root, ".", true, out, err);
}

int layer_cleanup(const struct instance *inst, bool dry, struct strvec *out, struct error *err)
{
	_cleanup_close_ int root = -1;
	_cleanup_strvec_ struct strvec fresh = STRVEC_INIT, gone = STRVEC_INIT;
	if (open_root(inst, &root, NULL) < 0)
		return 0;
	if (list_folder(root, NEW, true, &fresh, err) < 0 ||
	    list_folder(root, GONE, false, &gone, err) < 0)
		return -1;
	int result = 0;
	/* a container that has just ended leaves its layer unlocked until it is committed */
	if (fresh.n > 0)
		clock_sleep_ms(CLEANUP_GRACE_MS);
	for (size_t i = 0; i < fresh.n; i++) {
		_cleanup_close_ int data = -1;
		if (open_tree_below(root, NEW "/", fresh.v[i], "/data", &data, NULL) < 0 ||
		    lock_tree(data, LOCK_EX, fresh.v[i], NULL) < 0)
			continue; /* committed meanwhile, or a container writes it */
		data = close_fd(data);
		strvec_pushf(out, "layer %s (not committed)", fresh.v[i]);
		if (!dry && remove_from(root, NEW "/", fresh.v[i], result ? NULL : err) < 0)
			result = -1;
	}
	for (size_t i = 0; i < gone.n; i++) {
		_cleanup_free_ char *path = xasprintf(GONE "/%s", gone.v[i]);
		strvec_pushf(out, "layer folder %s", path);
		if (!dry && file_remove_tree(root, path, result ? NULL : err) < 0)
			result = -1;
	}
	return result;
}
