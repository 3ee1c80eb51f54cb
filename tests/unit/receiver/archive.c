// SPDX-License-Identifier: MIT
#include "receiver/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "receiver/export.h"
#include "receiver/libgit.h"

/* An instance in a folder of its own with the empty repository of the app "a". */
static struct instance inst;
static git_repository *repository;
/* In memory when it can be: each commit syncs the file system that it is on. */
static char folder[64];

#define assert_ok(call)                                                                            \
	do {                                                                                       \
		struct error err = ERROR_INIT;                                                     \
		if (call)                                                                          \
			fail_msg("%s", err.message);                                               \
	} while (0)

#define MIB (1u << 20)
/* [git] archive-max-size, and a file that is more than archive.c collects in memory. */
#define MAX_SIZE (MIB + 200000)
#define LARGE (MIB + 100000)

/* ---- building archives ---- */

enum packing { TAR, TAR_GZ, TAR_XZ, TAR_ZST, ZIP, ZIP_STORE, PACKINGS };

struct maker {
	struct archive *archive;
	char *data;
	size_t used, size;
	locale_t utf8; /* what libarchive writes in; what reads it must not need that */
};

static void make(struct maker *m, enum packing packing)
{
	struct archive *a = archive_write_new();

	m->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	uselocale(m->utf8);
	m->archive = a;
	m->size = 2 * MIB;
	m->data = xmalloc(m->size);
	m->used = 0;
	if (packing == ZIP || packing == ZIP_STORE)
		assert_int_equal(archive_write_set_format_zip(a), ARCHIVE_OK);
	else
		assert_int_equal(archive_write_set_format_pax_restricted(a), ARCHIVE_OK);
	if (packing == ZIP_STORE)
		archive_write_set_options(a, "zip:compression=store");
	if (packing == TAR_GZ)
		archive_write_add_filter_gzip(a);
	if (packing == TAR_XZ)
		archive_write_add_filter_xz(a);
	if (packing == TAR_ZST)
		archive_write_add_filter_zstd(a);
	/* the least memory to be cleared each time */
	if (packing == TAR_XZ || packing == TAR_ZST)
		assert_int_equal(archive_write_set_filter_option(a, NULL, "compression-level", "1"),
				 ARCHIVE_OK);
	assert_int_equal(archive_write_open_memory(a, m->data, m->size, &m->used), ARCHIVE_OK);
}

/* CONTENT is a link's target, or a file's content. */
static void put(struct maker *m, const char *path, unsigned type, unsigned mode,
		const void *content, size_t len)
{
	struct archive_entry *entry = archive_entry_new();

	archive_entry_set_pathname(entry, path);
	archive_entry_set_filetype(entry, type);
	archive_entry_set_perm(entry, (mode_t)mode);
	archive_entry_set_mtime(entry, 1700000000, 0);
	if (type == AE_IFLNK)
		archive_entry_set_symlink(entry, content);
	archive_entry_set_size(entry, type == AE_IFREG ? (la_int64_t)len : 0);
	if (archive_write_header(m->archive, entry) != ARCHIVE_OK)
		fail_msg("%s", archive_error_string(m->archive));
	if (type == AE_IFREG && len)
		assert_int_equal(archive_write_data(m->archive, content, len), len);
	archive_entry_free(entry);
}

static void put_file(struct maker *m, const char *path, const char *content)
{
	put(m, path, AE_IFREG, 0644, content, strlen(content));
}

static void put_hard_link(struct maker *m, const char *path, const char *target)
{
	struct archive_entry *entry = archive_entry_new();

	archive_entry_set_pathname(entry, path);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_hardlink(entry, target);
	assert_int_equal(archive_write_header(m->archive, entry), ARCHIVE_OK);
	archive_entry_free(entry);
}

static void made(struct maker *m)
{
	assert_int_equal(archive_write_close(m->archive), ARCHIVE_OK);
	archive_write_free(m->archive);
	m->data = xreallocarray(m->data, m->used + 1, 1);
	uselocale(LC_GLOBAL_LOCALE);
	freelocale(m->utf8);
}

/* ---- reading them ---- */

static void replace(struct maker *m, size_t at, const void *bytes, size_t len)
{
	assert_true(at + len <= m->used);
	memcpy(m->data + at, bytes, len);
}

/* The bytes WORD in M must be there; gives their place. */
static size_t find(const struct maker *m, const void *word, size_t len)
{
	const char *at = memmem(m->data, m->used, word, len);

	assert_non_null(at);
	return (size_t)(at - m->data);
}

static int memory_file(const struct maker *m)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_ok(file_write_all(fd, m->data, m->used, &err));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static int commit_fd(int fd, const char *parent, char out[REPO_HEX_SIZE], struct error *err)
{
	return archive_commit(&inst, "a", fd, parent, "Jo <\nx>", out, err);
}

#define PIPE_ROOM (32u << 10)

/* Through a pipe that another process fills, as from the network; through one that holds all of it
 * when it can. */
static int commit_pipe(const struct maker *m, char out[REPO_HEX_SIZE], struct error *err)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	/* a process only for what the pipe cannot hold */
	pid_t pid = m->used > PIPE_ROOM ? fork() : -1;
	if (pid < 0)
		assert_ok(file_write_all(ends[1], m->data, m->used, &err));
	if (pid == 0) {
		close(ends[0]);
		_exit(file_write_all(ends[1], m->data, m->used, NULL) ? 1 : 0);
	}
	close(ends[1]);
	int ret = commit_fd(ends[0], "", out, err);
	close(ends[0]);
	int status = 0;
	if (pid > 0)
		assert_int_equal(waitpid(pid, &status, 0), pid);
	if (ret == 0)
		assert_int_equal(status, 0);
	return ret;
}

static char *git(char *const *args)
{
	_cleanup_child_ struct child c;
	_cleanup_free_ char *repo = gitdir_path(&inst, "a");
	struct strbuf out = STRBUF_INIT;

	child_init(&c);
	child_args(&c, "git", "--git-dir", repo, NULL);
	strvec_push_all(&c.argv, args);
	c.capture = &out;
	assert_ok(child_run(&c, &err));
	if (c.status)
		fail_msg("git %s: %s", args[0], out.data);
	strbuf_trim(&out);
	return strbuf_detach(&out);
}

#define GIT(...)                                                                                   \
	({                                                                                         \
		const char *args_[] = {__VA_ARGS__, NULL};                                         \
		char *mutable_[ARRAY_SIZE(args_)];                                                 \
		memcpy(mutable_, args_, sizeof(args_));                                            \
		git(mutable_);                                                                     \
	})

static int add_line(const char *root, const git_tree_entry *entry, void *lines)
{
	if (git_tree_entry_type(entry) != GIT_OBJECT_TREE)
		strbuf_addf(lines, "%06o %s%s\n", (unsigned)git_tree_entry_filemode_raw(entry),
			    root, git_tree_entry_name(entry));
	return 0;
}

static git_object *object(const char *commit, const char *path, git_object_t type)
{
	_cleanup_free_ char *name = xasprintf("%s:%s", commit, path);
	git_object *out;

	if (git_revparse_single(&out, repository, name))
		fail_msg("there is no '%s'", name);
	assert_int_equal(git_object_type(out), type);
	return out;
}

/* "MODE PATH" of each file of COMMIT. */
static void assert_files(const char *commit, const char *expected)
{
	_cleanup_(git_object_freep) git_object *tree = object(commit, "", GIT_OBJECT_TREE);
	_cleanup_strbuf_ struct strbuf lines = STRBUF_INIT;

	assert_int_equal(git_tree_walk((git_tree *)tree, GIT_TREEWALK_PRE, add_line, &lines), 0);
	strbuf_trim(&lines);
	assert_string_equal(lines.data, expected);
}

static void assert_content(const char *commit, const char *path, const char *expected)
{
	_cleanup_(git_object_freep) git_object *blob = object(commit, path, GIT_OBJECT_BLOB);
	size_t len = strlen(expected);

	assert_int_equal(git_blob_rawsize((git_blob *)blob), len);
	assert_memory_equal(git_blob_rawcontent((git_blob *)blob), expected, len);
}

static void assert_size(const char *commit, const char *path, size_t size)
{
	_cleanup_(git_object_freep) git_object *blob = object(commit, path, GIT_OBJECT_BLOB);

	assert_int_equal(git_blob_rawsize((git_blob *)blob), size);
}

/* Objects in the repository, and nothing but them: no folder or file of a failed reading. */
static size_t count_objects(void)
{
	_cleanup_free_ char *path = xasprintf("%s/lib/repos/a.git/objects", folder);
	DIR *dir = opendir(path);
	size_t n = 0;

	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));) {
		if (e->d_name[0] == '.' || str_equal(e->d_name, "info") ||
		    str_equal(e->d_name, "pack"))
			continue;
		assert_int_equal(strlen(e->d_name), 2);
		n++;
	}
	closedir(dir);
	return n;
}

/* M is refused with a message that has WHY, both from a file and from a pipe. */
static void assert_refused(struct maker *m, const char *why)
{
	size_t before = count_objects();

	for (int i = 0; i < 2; i++) {
		char hex[REPO_HEX_SIZE] = "untouched";
		struct error err = ERROR_INIT;
		_cleanup_close_ int fd = memory_file(m);
		assert_int_equal(i ? commit_pipe(m, hex, &err) : commit_fd(fd, "", hex, &err), -1);
		assert_int_equal(err.code, ERROR_INVALID);
		if (!strstr(err.message, why))
			fail_msg("'%s' is not in: %s", why, err.message);
		assert_string_equal(hex, "untouched");
		assert_int_equal(count_objects(), before);
	}
	free(m->data);
}

static int setup(void **state)
{
	static const char conf[] = "[git]\narchive-max-files = 50\narchive-max-size = 1248576\n";

	(void)state;
	snprintf(folder, sizeof(folder), "%s/berth-archive-XXXXXX",
		 access("/dev/shm", W_OK) ? "/var/tmp" : "/dev/shm");
	if (!mkdtemp(folder))
		return -1;
	inst.root = xstrdup(folder);
	inst.lib = xasprintf("%s/lib", folder);
	inst.run = xasprintf("%s/run", folder);
	inst.etc = xasprintf("%s/etc", folder);
	inst.prefix = xstrdup("/usr/local");
	assert_ok(ini_parse(&inst.settings, conf, sizeof(conf) - 1, "berth.conf", &err));
	assert_ok(repo_create(&inst, "a", &err));
	assert_ok(repo_open(&inst, "a", &repository, &err));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	git_repository_free(repository);
	assert_ok(file_remove_tree(AT_FDCWD, folder, &err));
	ini_release(&inst.settings);
	free(inst.root);
	free(inst.lib);
	free(inst.run);
	free(inst.etc);
	free(inst.prefix);
	return 0;
}

/* ---- good ones ---- */

static void keeps_files_modes_and_links(void **state)
{
	(void)state;
	for (enum packing packing = TAR; packing < PACKINGS; packing++) {
		struct maker m;
		make(&m, packing);
		put_file(&m, "Procfile", "web: ./run");
		put(&m, "bin/", AE_IFDIR, 0755, NULL, 0);
		put(&m, "bin/run", AE_IFREG, 04755, "#!/bin/sh", 9);
		put(&m, "bin/link", AE_IFLNK, 0777, "../../../etc/passwd", 19);
		put(&m, "empty/", AE_IFDIR, 0755, NULL, 0);
		put_file(&m, "bin-a", "");
		put_file(&m, "h\xc3\xa9llo w\xc3\xb6rld", "caf\xc3\xa9");
		made(&m);
		for (int i = 0; i < 2; i++) {
			char hex[REPO_HEX_SIZE];
			_cleanup_close_ int fd = memory_file(&m);
			assert_ok(i ? commit_pipe(&m, hex, &err) : commit_fd(fd, "", hex, &err));
			assert_files(hex, "100644 Procfile\n100644 bin-a\n120000 bin/link\n"
					  "100755 bin/run\n"
					  "100644 h\xc3\xa9llo w\xc3\xb6rld");
			assert_content(hex, "bin/link", "../../../etc/passwd");
			assert_content(hex, "h\xc3\xa9llo w\xc3\xb6rld", "caf\xc3\xa9");
		}
		free(m.data);
	}
	_cleanup_free_ char *fsck = GIT("fsck", "--strict", "--no-dangling");
}

static void becomes_a_commit_that_can_be_exported(void **state)
{
	char first[REPO_HEX_SIZE], second[REPO_HEX_SIZE], tree[REPO_HEX_SIZE];
	_cleanup_export_ struct export_stats stats;
	struct maker m;

	(void)state;
	make(&m, TAR);
	put_file(&m, "./a", "one");
	put_file(&m, "./b//c", "two");
	made(&m);
	_cleanup_close_ int fd = memory_file(&m);
	assert_ok(commit_fd(fd, "", first, &err));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_ok(commit_fd(fd, first, second, &err));
	free(m.data);
	_cleanup_free_ char *log = GIT("log", "--format=%an %ae %cn %s %P", second);
	_cleanup_free_ char *expected = xasprintf("Jo ??x? berth@localhost Jo ??x? Deploy archive "
						  "%s\nJo ??x? berth@localhost Jo ??x? "
						  "Deploy archive",
						  first);
	assert_string_equal(log, expected);
	assert_ok(repo_commit_tree(&inst, "a", second, tree, &err));
	export_stats_init(&stats);
	assert_ok(export_tree(&inst, "a", tree, NULL, &stats, &err));
	assert_int_equal(stats.files, 2);
}

static void looks_through_a_single_folder(void **state)
{
	char hex[REPO_HEX_SIZE];
	struct maker m;

	(void)state;
	make(&m, TAR_GZ);
	put(&m, "app-1.0/", AE_IFDIR, 0755, NULL, 0);
	put_file(&m, "app-1.0/Procfile", "web: x");
	put_hard_link(&m, "app-1.0/lib/copy", "./app-1.0/Procfile");
	put_hard_link(&m, "app-1.0/again", "app-1.0/lib/copy");
	made(&m);
	assert_ok(commit_pipe(&m, hex, &err));
	free(m.data);
	assert_files(hex, "100644 Procfile\n100644 again\n100644 lib/copy");
	assert_content(hex, "again", "web: x");

	make(&m, TAR);
	put_file(&m, "app/Procfile", "web: x");
	put(&m, "other", AE_IFDIR, 0755, NULL, 0);
	made(&m);
	assert_ok(commit_pipe(&m, hex, &err));
	free(m.data);
	assert_files(hex, "100644 app/Procfile");

	make(&m, TAR);
	put_file(&m, "main.py", "print()");
	made(&m);
	assert_ok(commit_pipe(&m, hex, &err));
	free(m.data);
	assert_files(hex, "100644 main.py");
}

static void streams_large_and_sparse_files(void **state)
{
	char hex[REPO_HEX_SIZE];
	struct maker m;

	(void)state;
	_cleanup_free_ char *large = xcalloc(1, MAX_SIZE);
	memset(large, 'x', LARGE);
	for (enum packing packing = TAR; packing < PACKINGS; packing++) {
		make(&m, packing);
		put(&m, "large", AE_IFREG, 0600, large, LARGE);
		made(&m);
		assert_ok(commit_pipe(&m, hex, &err));
		free(m.data);
		assert_size(hex, "large", LARGE);
	}

	make(&m, TAR);
	struct archive_entry *entry = archive_entry_new();
	archive_entry_set_pathname(entry, "sparse");
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_size(entry, MAX_SIZE);
	archive_entry_sparse_add_entry(entry, MIB, 4096);
	assert_int_equal(archive_write_header(m.archive, entry), ARCHIVE_OK);
	archive_entry_free(entry);
	assert_true(archive_write_data(m.archive, large, MAX_SIZE) > 0);
	made(&m);
	assert_true(m.used < MIB);
	assert_ok(commit_pipe(&m, hex, &err));
	free(m.data);
	assert_size(hex, "sparse", MAX_SIZE);
}

/* ---- hostile ones ---- */

static void refuses_names(void **state)
{
	static const struct {
		const char *path, *why;
	} cases[] = {
		{"/etc/passwd", "absolute"},
		{"../up", "leave the folder"},
		{"a/../../up", "leave the folder"},
		{"..", "leave the folder"},
		{".git/hooks/post-checkout", "reserved for git"},
		{"sub/.GIT/config", "reserved for git"},
		{"sub/.g\xe2\x80\x8cit/config", "reserved for git"},
		{"git~1/config", "reserved for git"},
		{".git. /config", "reserved for git"},
		{".git::$INDEX_ALLOCATION/config", "reserved for git"},
		{"a\\..\\b/.git\\x", "reserved for git"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct maker m;
		make(&m, TAR);
		put_file(&m, "first", "x");
		put_file(&m, cases[i].path, "x");
		put_file(&m, "second", "x");
		made(&m);
		assert_refused(&m, cases[i].why);
	}
	struct maker m;
	make(&m, ZIP);
	put_file(&m, "first", "x");
	put_file(&m, "../../up", "x");
	made(&m);
	assert_refused(&m, "leave the folder");
}

static void refuses_long_and_deep_paths(void **state)
{
	_cleanup_strbuf_ struct strbuf path = STRBUF_INIT;
	struct maker m;

	(void)state;
	for (int i = 0; i < 200; i++)
		strbuf_addstr(&path, "d/");
	strbuf_addstr(&path, "f");
	make(&m, TAR);
	put_file(&m, path.data, "x");
	made(&m);
	assert_refused(&m, "too many folders");

	strbuf_reset(&path);
	for (int i = 0; i < 300; i++)
		strbuf_addstr(&path, "n");
	make(&m, TAR);
	put_file(&m, path.data, "x");
	made(&m);
	assert_refused(&m, "longer than 255");

	strbuf_reset(&path);
	for (int i = 0; i < 90; i++)
		strbuf_addstr(&path, "twenty-nine-bytes-are-in-here/");
	make(&m, TAR);
	put_file(&m, path.data, "x");
	made(&m);
	assert_refused(&m, "too long");
}

static void refuses_other_kinds(void **state)
{
	static const struct {
		unsigned type;
		const char *why;
	} cases[] = {
		{AE_IFCHR, "a device"},
		{AE_IFBLK, "a device"},
		{AE_IFIFO, "a named pipe"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct maker m;
		make(&m, TAR);
		put_file(&m, "ok", "x");
		put(&m, "thing", cases[i].type, 0644, NULL, 0);
		made(&m);
		assert_refused(&m, cases[i].why);
	}
}

static void refuses_conflicts(void **state)
{
	struct maker m;

	(void)state;
	make(&m, TAR);
	put(&m, "x", AE_IFLNK, 0777, "/etc", 4);
	put_file(&m, "x-y", "between");
	put_file(&m, "x/passwd", "root");
	made(&m);
	assert_refused(&m, "below an entry that is no folder");

	make(&m, TAR);
	put_file(&m, "x", "1");
	put_file(&m, "y", "1");
	put_file(&m, "./x", "2");
	made(&m);
	assert_refused(&m, "another entry of that name");

	make(&m, TAR);
	put(&m, "x", AE_IFDIR, 0755, NULL, 0);
	put_file(&m, "x/y", "1");
	put_file(&m, "x", "1");
	made(&m);
	assert_refused(&m, "another entry of that name");
}

static void refuses_hard_links_elsewhere(void **state)
{
	static const struct {
		const char *target, *why;
	} cases[] = {
		{"/etc/shadow", "absolute"},     {"../../etc/shadow", "leave the folder"},
		{"later", "to nothing earlier"}, {"self", "to nothing earlier"},
		{"dir", "to nothing earlier"},   {"nowhere", "to nothing earlier"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct maker m;
		make(&m, TAR);
		put_file(&m, "dir/f", "x");
		put_hard_link(&m, "self", cases[i].target);
		put_file(&m, "later", "x");
		made(&m);
		assert_refused(&m, cases[i].why);
	}
	/* a name that may not be a symbolic link, by way of a copy of one */
	struct maker m;
	make(&m, TAR);
	put(&m, "link", AE_IFLNK, 0777, "elsewhere", 9);
	put_hard_link(&m, ".gitmodules", "link");
	made(&m);
	assert_refused(&m, "may not be a symbolic link");
}

static void refuses_too_much(void **state)
{
	_cleanup_free_ char *zeros = xcalloc(1, MAX_SIZE + 1);
	struct maker m;

	(void)state;
	/* bombs: a few kilobytes that become more than the limit */
	for (enum packing packing = TAR; packing < PACKINGS; packing++) {
		make(&m, packing);
		put(&m, "bomb", AE_IFREG, 0644, zeros, MAX_SIZE + 1);
		made(&m);
		assert_refused(&m, "archive-max-size");
	}
	make(&m, TAR_GZ);
	for (int i = 0; i < 5; i++) {
		_cleanup_free_ char *name = xasprintf("part%d", i);
		put(&m, name, AE_IFREG, 0644, zeros, MAX_SIZE / 4);
	}
	made(&m);
	assert_refused(&m, "archive-max-size");

	make(&m, TAR);
	put(&m, "one", AE_IFREG, 0644, zeros, MAX_SIZE / 5);
	for (int i = 0; i < 5; i++) {
		_cleanup_free_ char *name = xasprintf("copy%d", i);
		put_hard_link(&m, name, "one");
	}
	made(&m);
	assert_refused(&m, "archive-max-size");

	make(&m, TAR);
	for (int i = 0; i < 60; i++) {
		_cleanup_free_ char *name = xasprintf("file%d", i);
		put_file(&m, name, "");
	}
	made(&m);
	assert_refused(&m, "archive-max-files");

	/* folders that the archive does not name */
	make(&m, TAR);
	put_file(&m, "x", "");
	put_file(&m, "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z/f", "");
	put_file(&m, "b/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z/f", "");
	made(&m);
	assert_refused(&m, "archive-max-files");
}

static void refuses_lies(void **state)
{
	struct maker m;

	(void)state;
	/* a tar whose file is said to be longer than the tar: size field and checksum anew */
	make(&m, TAR);
	put_file(&m, "short", "four");
	made(&m);
	replace(&m, 124, "00001000000", 11);
	unsigned sum = 8 * ' ';
	for (size_t i = 0; i < 512; i++)
		sum += i >= 148 && i < 156 ? 0 : (unsigned char)m.data[i];
	_cleanup_free_ char *digits = xasprintf("%06o", sum);
	replace(&m, 148, digits, 7);
	assert_refused(&m, "short");

	/* and one that was cut off */
	make(&m, TAR_GZ);
	put_file(&m, "first", "content");
	put_file(&m, "second", "content");
	made(&m);
	m.used -= 30;
	assert_refused(&m, "");

	/* a zip whose sizes are wrong in both of its tables, and one with another content */
	make(&m, ZIP);
	put_file(&m, "lie", "not what it says");
	made(&m);
	size_t at = find(&m, "PK\1\2", 4);
	replace(&m, at + 24, "\xff\0\0\0", 4);
	replace(&m, find(&m, "PK\3\4", 4) + 22, "\xff\0\0\0", 4);
	assert_refused(&m, "lie");
	make(&m, ZIP_STORE);
	put_file(&m, "lie", "not what it says");
	made(&m);
	replace(&m, find(&m, "not what", 8), "yes", 3);
	assert_refused(&m, "CRC");
}

/* A zip's table of contents would be held in memory before its first file is seen. */
static void refuses_a_long_table(void **state)
{
	static const char entry[46] = "PK\1\2\x14\0\x14";
	static const char end_mark[] = "PK\5\6\0\0\0\0";
	struct strbuf zip = STRBUF_INIT;
	struct maker m;
	uint32_t size = 46 * 25000;
	uint16_t n = 25000;

	(void)state;
	strbuf_addstr(&zip, "PK\3\4");
	for (unsigned i = 0; i < n; i++)
		strbuf_add(&zip, entry, sizeof(entry));
	uint32_t start = 4;
	strbuf_add(&zip, end_mark, 8);
	strbuf_add(&zip, &n, 2);
	strbuf_add(&zip, &n, 2);
	strbuf_add(&zip, &size, 4);
	strbuf_add(&zip, &start, 4);
	strbuf_add(&zip, "\0\0", 2);
	m.used = zip.len;
	m.data = strbuf_detach(&zip);
	assert_refused(&m, "table of contents");
}

static void refuses_what_has_no_files(void **state)
{
	struct maker m;

	(void)state;
	m.data = xcalloc(1, 10240);
	m.used = 0;
	assert_refused(&m, "nothing was sent");
	m.data = xcalloc(1, 10240);
	m.used = 10240;
	assert_refused(&m, "");
	m.data = xstrdup("hello, this is no archive at all");
	m.used = strlen(m.data);
	assert_refused(&m, "no tar");
	for (enum packing packing = TAR; packing < PACKINGS; packing++) {
		make(&m, packing);
		made(&m);
		assert_refused(&m, "");
		make(&m, packing);
		put(&m, "only/", AE_IFDIR, 0755, NULL, 0);
		put(&m, "only/folders/", AE_IFDIR, 0755, NULL, 0);
		made(&m);
		assert_refused(&m, "has no files");
	}
}

/* Whatever one byte more or less does, it is an answer, and nothing stays behind. */
static void survives_damage(void **state)
{
	(void)state;
	for (enum packing packing = TAR; packing < PACKINGS; packing++) {
		struct maker m;
		make(&m, packing);
		put_file(&m, "a/one", "content");
		put(&m, "a/two", AE_IFLNK, 0777, "one", 3);
		made(&m);
		size_t step = m.used / 20 + 1;
		for (size_t at = 0; at < m.used; at += step) {
			char hex[REPO_HEX_SIZE], saved = m.data[at];
			struct error err = ERROR_INIT;
			m.data[at] = (char)(saved ^ (char)(at % 255 + 1));
			_cleanup_close_ int fd = memory_file(&m);
			commit_fd(fd, "", hex, &err);
			m.data[at] = saved;
			count_objects();
		}
		free(m.data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_files_modes_and_links),
		cmocka_unit_test(becomes_a_commit_that_can_be_exported),
		cmocka_unit_test(looks_through_a_single_folder),
		cmocka_unit_test(streams_large_and_sparse_files),
		cmocka_unit_test(refuses_names),
		cmocka_unit_test(refuses_long_and_deep_paths),
		cmocka_unit_test(refuses_other_kinds),
		cmocka_unit_test(refuses_conflicts),
		cmocka_unit_test(refuses_hard_links_elsewhere),
		cmocka_unit_test(refuses_too_much),
		cmocka_unit_test(refuses_lies),
		cmocka_unit_test(refuses_a_long_table),
		cmocka_unit_test(refuses_what_has_no_files),
		cmocka_unit_test(survives_damage),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
