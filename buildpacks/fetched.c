/* SPDX-License-Identifier: MIT */
#include "buildpacks/fetched.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/fetch.h"
#include "base/file.h"
#include "base/random.h"
#include "base/untar.h"
#include "buildpacks/buildpackage.h"
#include "buildpacks/hash.h"
#include "buildpacks/say.h"
#include "instance/name.h"

/* An address that is being fetched. */
struct job {
	const struct instance *inst;
	const char *address;
	char *url, *ref; /* ref: NULL for the repository's own branch */
	int out, err_fd;
	int dirfd;      /* lib/packs */
	bool root_link; /* a link in it passes through its top folder */
	char temp[24];
};

bool fetched_is_address(const char *name)
{
	return strchr(name, ':') || name[0] == '/';
}

static void release_job(struct job *j)
{
	if (j->dirfd >= 0 && j->temp[0])
		file_remove_tree(j->dirfd, j->temp, NULL);
	close_fd(j->dirfd);
	free(j->url);
	free(j->ref);
}

static void name_temp(struct job *j)
{
	snprintf(j->temp, sizeof(j->temp), ".new-");
	random_hex(j->temp + 5, 16);
}

static bool ends_with(const char *s, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && strncmp(s + len - n, end, n) == 0;
}

static bool is_archive(const char *url)
{
	static const char *const ends[] = {".tgz",     ".tar", ".tar.gz", ".tar.xz",
					   ".tar.zst", ".zip", ".cnb"};
	size_t len = strcspn(url, "?");

	if (!str_starts(url, "http://") && !str_starts(url, "https://"))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (ends_with(url, len, ends[i]))
			return true;
	return false;
}

/* The folder of an address on this server, or NULL; what ends in .git is a repository. */
static const char *local_folder(const char *url)
{
	const char *path = str_skip(url, "file://");
	struct stat st;

	if (!path && url[0] == '/')
		path = url;
	return path && !ends_with(url, strlen(url), ".git") && stat(path, &st) == 0 &&
			       S_ISDIR(st.st_mode)
		       ? path
		       : NULL;
}

static void key_of(const char *address, char out[HASH_TEXT])
{
	struct hash h;

	hash_init(&h, "buildpack address");
	hash_addstr(&h, address);
	hash_text(&h, out);
}

/* --- from the address into lib/packs/TEMP ---------------------------------------------------- */

static int unpack_from(struct job *j, int fd, struct error *err)
{
	_cleanup_close_ int dir = openat(j->dirfd, j->temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open 'packs/%s'", j->temp);
	return untar(fd, dir, &j->root_link, err);
}

/* The whole of FD in a file without a name, rewound. */
static int spool(struct job *j, int fd, int *out_fd, struct error *err)
{
	_cleanup_close_ int file = openat(j->dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char chunk[65536];
	uint64_t total = 0;
	ssize_t n;

	if (file < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a file in 'packs'");
	while ((n = read(fd, chunk, sizeof(chunk))) > 0) {
		total += (uint64_t)n;
		if (total > UNTAR_MAX_BYTES)
			return error_set(err, ERROR_INVALID, 0,
					 "the archive is larger than %llu MiB",
					 UNTAR_MAX_BYTES >> 20);
		if (file_write_all(file, chunk, (size_t)n, err) < 0)
			return -1;
	}
	if (n < 0 || lseek(file, 0, SEEK_SET) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "read the archive");
	*out_fd = TAKE_FD(file);
	return 0;
}

static int unpack_zip(struct job *j, int fd, struct error *err)
{
	_cleanup_close_ int file = -1;

	return spool(j, fd, &file, err) < 0 ? -1 : unpack_from(j, file, err);
}

static int unpack(struct job *j, struct child *feeder, int fd, struct error *err)
{
	struct error bad = ERROR_INIT;
	bool zip = is_archive(j->url) && ends_with(j->url, strcspn(j->url, "?"), ".zip");
	int unpacked = (zip ? unpack_zip : unpack_from)(j, fd, &bad);
	/* who could not fetch it says so better than who could not read what came */
	if (fetch_finish(feeder, fd, err) < 0)
		return -1;
	if (unpacked < 0)
		*err = bad;
	return unpacked;
}

static int from_archive(struct job *j, struct error *err)
{
	_cleanup_child_ struct child curl;
	_cleanup_close_ int fd = -1;

	child_init(&curl);
	curl.err = j->err_fd;
	if (fetch_url(j->url, &curl, &fd, err) < 0)
		return -1;
	return unpack(j, &curl, fd, err);
}

static int from_folder(struct job *j, const char *path, struct error *err)
{
	_cleanup_child_ struct child tar;
	_cleanup_close_ int fd = -1;

	child_init(&tar);
	tar.err = j->err_fd;
	if (fetch_folder(path, &tar, &fd, err) < 0)
		return -1;
	return unpack(j, &tar, fd, err);
}

static int from_clone(struct job *j, const char *git_dir, struct error *err)
{
	_cleanup_child_ struct child git;
	_cleanup_close_ int fd = -1;
	char commit[REMOTE_COMMIT_SIZE];

	child_init(&git);
	if (fetch_git_clone(j->url, j->ref, git_dir, commit, err) < 0 ||
	    fetch_git_archive(git_dir, commit, &git, &fd, err) < 0)
		return -1;
	return unpack(j, &git, fd, err);
}

static int from_git(struct job *j, struct error *err)
{
	char name[24];
	_cleanup_free_ char *git_dir = NULL;

	snprintf(name, sizeof(name), ".git-");
	random_hex(name + 5, 16);
	git_dir = instance_lib(j->inst, "packs/%s", name);
	int result = from_clone(j, git_dir, err);
	file_remove_tree(j->dirfd, name, NULL);
	return result;
}

/* A file, or a link to one that stays inside. */
static bool has_file(int dir, const char *name)
{
	_cleanup_close_ int fd = file_open_beneath(dir, name, O_PATH, 0, false, NULL);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* Programs of Heroku's API or of a component of Cloud Native Buildpacks, or a composite of such,
 * which has none. What buildpack.toml says, the build finds out. */
static bool is_pack(int dir)
{
	bool toml = has_file(dir, "buildpack.toml");

	if (!has_file(dir, "bin/detect"))
		return toml && !has_file(dir, "bin/build") && !has_file(dir, "bin/compile");
	return has_file(dir, "bin/compile") || (toml && has_file(dir, "bin/build"));
}

/* What was unpacked, or the one folder in it, must be a buildpack. */
static int check(struct job *j, char **out_path, struct error *err)
{
	_cleanup_close_ int top = openat(j->dirfd, j->temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *lone = top < 0 || is_pack(top) ? NULL : untar_lone_folder(top);
	_cleanup_free_ char *path = lone ? xasprintf("%s/%s", j->temp, lone) : xstrdup(j->temp);
	_cleanup_close_ int dir =
		openat(j->dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open 'packs/%s'", path);
	if (lone && j->root_link)
		return error_set(err, ERROR_INVALID, 0, "a link points out of its folder '%s'",
				 lone);
	if (!is_pack(dir))
		return error_set(
			err, ERROR_INVALID, 0,
			"it is no buildpack: there is no bin/detect with bin/compile in it, none "
			"with bin/build and a buildpack.toml, and no buildpack.toml of a composite "
			"one");
	*out_path = TAKE_PTR(path);
	return 0;
}

/* What was unpacked may be a package of many packs, which become the folder instead. */
static int open_package(struct job *j, struct error *err)
{
	_cleanup_close_ int layout = openat(j->dirfd, j->temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (layout < 0 || !buildpackage_is(layout))
		return 0;
	_cleanup_free_ char *name = xstrdup(j->temp);
	name_temp(j);
	if (mkdirat(j->dirfd, j->temp, 0755) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make 'packs/%s'", j->temp);
	_cleanup_close_ int dir = openat(j->dirfd, j->temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = dir < 0 ? error_set(err, ERROR_SYSTEM, errno, "open 'packs/%s'", j->temp)
			     : buildpackage_unpack(layout, dir, err);
	file_remove_tree(j->dirfd, name, NULL);
	return result;
}

/* Gives what was unpacked the name of its content. */
static int keep(struct job *j, const char *path, char **out_id, struct error *err)
{
	_cleanup_free_ char *folder = instance_lib(j->inst, "packs/%s", path);
	_cleanup_free_ char *hash = NULL;

	if (hash_tree(folder, &hash, err) < 0)
		return -1;
	_cleanup_free_ char *id = xasprintf("pack-%s", hash);
	if (renameat2(j->dirfd, path, j->dirfd, id, RENAME_NOREPLACE) < 0 && errno != EEXIST)
		return error_set(err, ERROR_SYSTEM, errno, "rename 'packs/%s'", path);
	*out_id = TAKE_PTR(id);
	return 0;
}

static int fetch(struct job *j, char **out_id, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	const char *folder = local_folder(j->url);

	name_temp(j);
	if (mkdirat(j->dirfd, j->temp, 0755) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make 'packs/%s'", j->temp);
	if ((folder               ? from_folder(j, folder, err)
	     : is_archive(j->url) ? from_archive(j, err)
				  : from_git(j, err)) < 0 ||
	    open_package(j, err) < 0 || check(j, &path, err) < 0)
		return -1;
	return keep(j, path, out_id, err);
}

/* --- what is kept ---------------------------------------------------------------------------- */

static int read_ref(int dirfd, const char *name, char **out)
{
	_cleanup_strbuf_ struct strbuf id = STRBUF_INIT;

	if (file_read(dirfd, name, 256, &id, NULL) < 0 || !name_is_id(id.data) ||
	    !file_exists(dirfd, id.data))
		return -1;
	*out = strbuf_detach(&id);
	return 0;
}

int fetched_check(const char *address, struct error *err)
{
	size_t len = strcspn(address, "#");
	_cleanup_free_ char *url = xstrndup(address, len);

	if (address[len] && address[len + 1] && remote_check_ref(address + len + 1, err) < 0)
		return -1;
	if (local_folder(url))
		return 0;
	return is_archive(url) ? fetch_check_web_url(url, err)
			       : remote_check_url(url, false, true, NULL, err);
}

static int open_job(struct job *j, bool trusted, struct error *err)
{
	_cleanup_free_ char *packs = instance_lib(j->inst, "packs");
	size_t len = strcspn(j->address, "#");

	j->url = xstrndup(j->address, len);
	j->ref = j->address[len] == '#' && j->address[len + 1] ? xstrdup(j->address + len + 1)
							       : NULL;
	if (!trusted && (j->address[0] == '/' || str_starts(j->address, "file:")))
		return error_set(
			err, ERROR_DENIED, 0,
			"a buildpack on the server's disk is chosen by 'buildpacks:set', not "
			"by the app");
	if (fetched_check(j->address, err) < 0 || file_make_dirs(packs, 0755, err) < 0)
		return -1;
	j->dirfd = open(packs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->dirfd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", packs);
	return 0;
}

bool fetched_is_cnb(const struct instance *inst, const char *id)
{
	_cleanup_free_ char *folder = instance_lib(inst, "packs/%s", id);
	_cleanup_close_ int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return dir >= 0 && has_file(dir, "buildpack.toml") && !has_file(dir, "bin/compile");
}

/* Under the address's lock: two builds fetch it once. */
static int ensure_locked(struct job *j, const char *key, bool refresh, char **out_id,
			 struct error *err)
{
	_cleanup_free_ char *ref = xasprintf("%s.ref", key);
	_cleanup_free_ char *path = instance_lib(j->inst, "packs/%s", ref);
	_cleanup_free_ char *id = NULL;

	/* a folder of this server may have changed at any time, and costs little to look at */
	if (!refresh && !local_folder(j->url) && read_ref(j->dirfd, ref, out_id) == 0)
		return 0;
	if (!local_folder(j->url))
		say_step(j->out, "Fetching buildpack %s", j->address);
	if (fetch(j, &id, err) < 0 || file_replace(AT_FDCWD, path, id, strlen(id), 0644, err) < 0)
		return -1;
	*out_id = TAKE_PTR(id);
	return 0;
}

int fetched_ensure(const struct instance *inst, const char *address, bool trusted, bool refresh,
		   int out, int err_fd, char **out_id, struct error *err)
{
	_cleanup_(release_job) struct job j = {
		.inst = inst, .address = address, .out = out, .err_fd = err_fd, .dirfd = -1};
	_cleanup_free_ char *locks = instance_run(inst, "locks");
	_cleanup_close_ int lock = -1;
	char key[HASH_TEXT];

	key_of(address, key);
	_cleanup_free_ char *path = instance_run(inst, "locks/pack-%s", key);
	if (open_job(&j, trusted, err) < 0 || file_make_dirs(locks, 0755, err) < 0 ||
	    file_lock(path, true, &lock, err) < 0 ||
	    ensure_locked(&j, key, refresh, out_id, err) < 0)
		return error_wrap(err, "buildpack '%.200s'", address);
	return 0;
}

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

int fetched_collect(const struct instance *inst, const struct strvec *keep_addresses, bool dry,
		    struct strvec *out, struct error *err)
{
	_cleanup_free_ char *packs = instance_lib(inst, "packs");
	_cleanup_(close_dir) DIR *dir = opendir(packs);
	_cleanup_strvec_ struct strvec used = STRVEC_INIT;

	if (!dir)
		return errno == ENOENT ? 0
				       : error_set(err, ERROR_SYSTEM, errno, "open '%s'", packs);
	for (size_t i = 0; i < keep_addresses->n; i++) {
		char key[HASH_TEXT];
		_cleanup_free_ char *id = NULL;
		key_of(keep_addresses->v[i], key);
		_cleanup_free_ char *ref = xasprintf("%s.ref", key);
		if (read_ref(dirfd(dir), ref, &id) == 0) {
			strvec_push(&used, id);
			strvec_push(&used, ref);
		}
	}
	for (struct dirent *e; (e = readdir(dir));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    strvec_has(&used, e->d_name))
			continue;
		if (dry || file_remove_tree(dirfd(dir), e->d_name, NULL) == 0)
			strvec_pushf(out, "buildpack %s", e->d_name);
	}
	return 0;
}
