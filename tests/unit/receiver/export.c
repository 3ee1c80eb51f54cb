// SPDX-License-Identifier: MIT
#include "receiver/export.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "receiver/libgit.h"
#include "receiver/plan.h"
#include "receiver/repo.h"

/* An instance in a folder of its own with the empty repository of the app "a". */
static struct instance inst;
static git_repository *git_dir;
static char folder[] = "/var/tmp/berth-export-XXXXXX";

#define assert_ok(call)                                                                            \
	do {                                                                                       \
		struct error err = ERROR_INIT;                                                     \
		if (call)                                                                          \
			fail_msg("%s", err.message);                                               \
	} while (0)

/* Runs git with ARGS in the repository; INPUT is its stdin. The output is trimmed and freed by the
 * caller. */
static char *git_input(const void *input, size_t len, char *const *args)
{
	_cleanup_child_ struct child c;
	_cleanup_free_ char *repo = gitdir_path(&inst, "a");
	struct strbuf out = STRBUF_INIT;

	child_init(&c);
	child_args(&c, "git", "--git-dir", repo, NULL);
	strvec_push_all(&c.argv, args);
	strvec_push(&c.env, "GIT_AUTHOR_NAME=t");
	strvec_push(&c.env, "GIT_AUTHOR_EMAIL=t@t");
	strvec_push(&c.env, "GIT_COMMITTER_NAME=t");
	strvec_push(&c.env, "GIT_COMMITTER_EMAIL=t@t");
	c.capture = &out;
	c.input = input;
	c.input_len = len;
	assert_ok(child_run(&c, &err));
	strbuf_trim(&out);
	return strbuf_detach(&out);
}

#define GIT(input, len, ...)                                                                       \
	({                                                                                         \
		const char *args_[] = {__VA_ARGS__, NULL};                                         \
		char *mutable_[ARRAY_SIZE(args_)];                                                 \
		memcpy(mutable_, args_, sizeof(args_));                                            \
		git_input(input, len, mutable_);                                                   \
	})

/* An object as raw bytes, unchecked, without a process for each. */
static char *object(git_object_t type, const void *data, size_t len)
{
	_cleanup_(git_odb_freep) git_odb *odb = NULL;
	char *hex = xmalloc(REPO_HEX_SIZE);
	git_oid oid;

	assert_int_equal(git_repository_odb(&odb, git_dir), 0);
	assert_int_equal(git_odb_write(&oid, odb, data, len, type), 0);
	return git_oid_tostr(hex, REPO_HEX_SIZE, &oid);
}

static char *blob(const char *content)
{
	return object(GIT_OBJECT_BLOB, content, strlen(content));
}

/* A tree from lines of "MODE TYPE OID\tNAME\n", which git does not check much. */
static char *tree(const char *lines)
{
	return GIT(lines, strlen(lines), "mktree", "--missing");
}

/* A tree as raw bytes: whatever a hostile client may send. */
struct raw {
	struct strbuf data;
};

static void raw_add(struct raw *raw, const char *mode, const char *name, const char *hex)
{
	strbuf_addf(&raw->data, "%s %s", mode, name);
	strbuf_addch(&raw->data, '\0');
	for (int i = 0; i < 40; i += 2) {
		const char pair[3] = {hex[i], hex[i + 1], '\0'};
		strbuf_addch(&raw->data, (char)strtol(pair, NULL, 16));
	}
}

static char *raw_write(struct raw *raw)
{
	char *hex = object(GIT_OBJECT_TREE, raw->data.data, raw->data.len);

	strbuf_release(&raw->data);
	return hex;
}

static char *in_tree(const char *hex, const char *path)
{
	return instance_lib(&inst, "sources/%s/app/%s", hex, path);
}

static void allow_files(unsigned n)
{
	_cleanup_free_ char *conf = xasprintf("[git]\narchive-max-files = %u\n", n);

	ini_release(&inst.settings);
	assert_ok(ini_parse(&inst.settings, conf, strlen(conf), "berth.conf", &err));
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	inst.root = xstrdup(folder);
	inst.lib = xasprintf("%s/lib", folder);
	inst.run = xasprintf("%s/run", folder);
	inst.etc = xasprintf("%s/etc", folder);
	inst.prefix = xstrdup("/usr/local");
	allow_files(2000);
	assert_ok(repo_create(&inst, "a", &err));
	assert_ok(repo_open(&inst, "a", &git_dir, &err));
	git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 0); /* no test cuts the power */
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	git_repository_free(git_dir);
	assert_ok(file_remove_tree(AT_FDCWD, folder, &err));
	ini_release(&inst.settings);
	free(inst.root);
	free(inst.lib);
	free(inst.run);
	free(inst.etc);
	free(inst.prefix);
	return 0;
}

static void writes_files_links_and_folders(void **state)
{
	_cleanup_free_ char *hello = blob("hello\n");
	_cleanup_free_ char *target = blob("../../../etc/passwd");
	_cleanup_free_ char *inner =
		xasprintf("100755 blob %s\trun.sh\n120000 blob %s\tlink\n", hello, target);
	_cleanup_free_ char *sub = tree(inner);
	_cleanup_free_ char *outer =
		xasprintf("100644 blob %s\tProcfile\n040000 tree %s\tbin\n"
			  "160000 commit 1111111111111111111111111111111111111111\tvendor\n",
			  hello, sub);
	_cleanup_free_ char *hex = tree(outer);
	_cleanup_export_ struct export_stats stats;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct stat st;

	(void)state;
	export_stats_init(&stats);
	assert_ok(export_tree(&inst, "a", hex, NULL, &stats, &err));
	assert_int_equal(stats.files, 3);
	assert_int_equal(stats.written, 3);
	assert_int_equal(stats.bytes, 12 + 19);
	assert_int_equal(stats.submodules.n, 1);
	assert_int_equal(stats.warnings.n, 1);
	assert_non_null(strstr(stats.warnings.v[0], "'vendor'"));
	_cleanup_free_ char *procfile = in_tree(hex, "Procfile");
	_cleanup_free_ char *run = in_tree(hex, "bin/run.sh");
	_cleanup_free_ char *bin = in_tree(hex, "bin");
	_cleanup_free_ char *link = in_tree(hex, "bin/link");
	assert_int_equal(lstat(procfile, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	assert_int_equal(lstat(run, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0755);
	assert_int_equal(lstat(bin, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));

	assert_ok(export_read_file(&inst, hex, "Procfile", 100, &text, &err));
	assert_string_equal(text.data, "hello\n");
	struct error err = ERROR_INIT;
	assert_int_equal(export_read_file(&inst, hex, "Procfile", 3, &text, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_int_equal(export_read_file(&inst, hex, "none", 3, &text, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(export_read_file(&inst, hex, "bin/link", 99999, &text, &err), -1);
	assert_int_equal(export_read_file(&inst, hex, "../about", 99999, &text, &err), -1);
	assert_int_equal(export_read_file(&inst, hex, "bin", 99999, &text, &err), -1);

	_cleanup_export_ struct export_stats again;
	export_stats_init(&again);
	assert_ok(export_tree(&inst, "a", hex, NULL, &again, &err));
	assert_true(again.existed);
	assert_int_equal(again.files, 3);
	assert_int_equal(again.warnings.n, 1);
}

static void links_what_did_not_change(void **state)
{
	_cleanup_free_ char *one = blob("one\n");
	_cleanup_free_ char *two = blob("two and more\n");
	_cleanup_free_ char *lfs =
		blob("version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
	_cleanup_free_ char *inner =
		xasprintf("100644 blob %s\tx\n100644 blob %s\tlfs\n", one, lfs);
	_cleanup_free_ char *sub = tree(inner);
	_cleanup_free_ char *before_lines = xasprintf(
		"100644 blob %s\ta\n100644 blob %s\tb\n100644 blob %s\tgone\n040000 tree %s\td\n",
		one, one, two, sub);
	_cleanup_free_ char *after_lines = xasprintf(
		"100644 blob %s\ta\n100755 blob %s\tb\n040000 tree %s\td\n040000 tree %s\te\n", two,
		one, sub, sub);
	_cleanup_free_ char *before = tree(before_lines);
	_cleanup_free_ char *after = tree(after_lines);
	_cleanup_export_ struct export_stats stats, next;
	struct stat st1, st2;

	(void)state;
	export_stats_init(&stats);
	export_stats_init(&next);
	assert_ok(export_tree(&inst, "a", before, NULL, &stats, &err));
	assert_int_equal(stats.lfs.n, 1);
	assert_ok(export_tree(&inst, "a", after, before, &next, &err));
	/* linked: d/x and d/lfs. b changed its mode, e is new */
	assert_int_equal(next.linked, 2);
	assert_int_equal(next.written, 4);
	assert_int_equal(next.files, 6);
	assert_int_equal(next.bytes, 13 + 4 +
					     2 * (4 + strlen("version https://git-lfs.github.com/"
							     "spec/v1\noid sha256:0\n")));
	assert_int_equal(next.lfs.n, 2);
	_cleanup_free_ char *x1 = in_tree(before, "d/x");
	_cleanup_free_ char *x2 = in_tree(after, "d/x");
	assert_int_equal(stat(x1, &st1), 0);
	assert_int_equal(stat(x2, &st2), 0);
	assert_int_equal(st1.st_ino, st2.st_ino);
	/* one that a container has mounted stays */
	_cleanup_free_ char *folder = instance_lib(&inst, "sources/%s", before);
	struct error busy = ERROR_INIT;
	int held = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(held, LOCK_SH), 0);
	assert_int_equal(export_remove(&inst, before, &busy), -1);
	assert_int_equal(busy.code, ERROR_BUSY);
	close(held);
	/* what is left stays whole when the older one goes */
	assert_ok(export_remove(&inst, before, &err));
	assert_int_equal(stat(x2, &st2), 0);
	assert_int_equal(st2.st_nlink, 1);
}

/* RAW must be refused with PART in the message, and leave nothing. */
static void assert_refused(struct raw *raw, const char *part)
{
	_cleanup_free_ char *hex = raw_write(raw);
	_cleanup_export_ struct export_stats stats;
	_cleanup_free_ char *path = instance_lib(&inst, "sources/%s", hex);
	struct error err = ERROR_INIT;

	export_stats_init(&stats);
	assert_int_equal(export_tree(&inst, "a", hex, NULL, &stats, &err), -1);
	if (!strstr(err.message, part))
		fail_msg("'%s' is not in: %s", part, err.message);
	for (const char *p = err.message; *p; p++)
		assert_false((unsigned char)*p < 0x20);
	assert_false(file_exists(AT_FDCWD, path));
}

static void refuses_hostile_trees(void **state)
{
	static const char *const names[] = {
		"..",
		".",
		".git",
		".GIT",
		"GIT~1",
		".git.",
		".git ",
		"a/b",
		"../x",
		"/etc/passwd",
		".git::$INDEX_ALLOCATION",
		".git\\config",
		".g\xe2\x80\x8cit",
	};
	_cleanup_free_ char *x = blob("x");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct raw raw = {STRBUF_INIT};
		raw_add(&raw, "100644", names[i], x);
		assert_refused(&raw, "the commit has a file named");
	}
	struct raw twice = {STRBUF_INIT};
	raw_add(&twice, "100644", "a", x);
	raw_add(&twice, "100644", "a", x);
	assert_refused(&twice, "twice");

	_cleanup_free_ char *line = xasprintf("100644 blob %s\tpasswd\n", x);
	_cleanup_free_ char *sub = tree(line);
	_cleanup_free_ char *etc = blob("/etc");
	struct raw through = {STRBUF_INIT}; /* a link, and a folder of the same name behind it */
	raw_add(&through, "120000", "a", etc);
	raw_add(&through, "100644", "a.b", x);
	raw_add(&through, "40000", "a", sub);
	assert_refused(&through, "twice");

	struct raw device = {STRBUF_INIT};
	raw_add(&device, "60000", "sda", x);
	assert_refused(&device, "mode");
	struct raw setuid = {STRBUF_INIT};
	raw_add(&setuid, "104755", "su", x);
	assert_refused(&setuid, "mode");
	struct raw confused = {STRBUF_INIT};
	raw_add(&confused, "100644", "file", sub);
	assert_refused(&confused, "is not a file");
	struct raw modules = {STRBUF_INIT};
	raw_add(&modules, "120000", ".gitmodules", x);
	assert_refused(&modules, "symbolic link");
	_cleanup_free_ char *empty = blob("");
	struct raw nowhere = {STRBUF_INIT};
	raw_add(&nowhere, "120000", "link", empty);
	assert_refused(&nowhere, "symbolic link");
}

/* RAW must be refused, in words that no terminal obeys. */
static void assert_shown(struct raw *raw, const char *part)
{
	_cleanup_free_ char *sub = raw_write(raw);
	struct raw outer = {STRBUF_INIT};

	raw_add(&outer, "40000", "\x1b[2J\n", sub);
	assert_refused(&outer, part);
}

static void shows_no_control_characters(void **state)
{
	static const char name[] = "\x1b]0;\xc2\x9bx\a";
	static const char none[] = "2222222222222222222222222222222222222222";
	_cleanup_free_ char *text = xcalloc(1, PLAN_MAX_LINK + 2);
	_cleanup_free_ char *nul = object(GIT_OBJECT_BLOB, "a\0b", 3);
	_cleanup_free_ char *x = blob("x");

	(void)state;
	memset(text, 'x', PLAN_MAX_LINK + 1);
	_cleanup_free_ char *target = blob(text);
	struct raw twice = {STRBUF_INIT};
	raw_add(&twice, "100644", name, x);
	raw_add(&twice, "100644", name, x);
	assert_shown(&twice, "'?[2J?/?]0;??x?' twice");
	struct raw missing = {STRBUF_INIT};
	raw_add(&missing, "100644", name, none);
	assert_shown(&missing, "read '?[2J?/?]0;??x?'");
	struct raw folder = {STRBUF_INIT};
	raw_add(&folder, "40000", name, none);
	assert_shown(&folder, "read the folder '?[2J?/?]0;??x?'");
	struct raw confused = {STRBUF_INIT};
	_cleanup_free_ char *empty = object(GIT_OBJECT_TREE, "", 0);
	raw_add(&confused, "100644", name, empty);
	assert_shown(&confused, "'?[2J?/?]0;??x?' is not a file");
	struct raw longer = {STRBUF_INIT};
	raw_add(&longer, "120000", name, target);
	assert_shown(&longer, "the symbolic link '?[2J?/?]0;??x?' is longer");
	struct raw link = {STRBUF_INIT};
	raw_add(&link, "120000", name, nul);
	assert_shown(&link, "symbolic link '?[2J?/?]0;??x?'");
}

static void refuses_bombs(void **state)
{
	_cleanup_free_ char *x = blob("x");
	char *level = xasprintf("100644 blob %s\tx\n", x);
	char *hex = tree(level);

	(void)state;
	free(level);
	/* ten folders in each of ten folders in ... : 10^9 files in ten small objects */
	for (int i = 0; i < 9; i++) {
		struct raw raw = {STRBUF_INIT};
		for (char name[] = "0"; name[0] <= '9'; name[0]++)
			raw_add(&raw, "40000", name, hex);
		free(hex);
		hex = raw_write(&raw);
	}
	struct raw bomb = {STRBUF_INIT};
	raw_add(&bomb, "40000", "bomb", hex);
	assert_refused(&bomb, "archive-max-files");
	free(hex);

	level = xasprintf("100644 blob %s\tx\n", x);
	hex = tree(level);
	free(level);
	for (int i = 0; i < 120; i++) {
		struct raw raw = {STRBUF_INIT};
		raw_add(&raw, "40000", "d", hex);
		free(hex);
		hex = raw_write(&raw);
	}
	struct raw deep = {STRBUF_INIT};
	raw_add(&deep, "40000", "d", hex);
	assert_refused(&deep, "levels deep");
	free(hex);
}

static char *submodule_name(unsigned i, size_t len)
{
	char *name = xmalloc(len + 1);

	memset(name, 'n', len);
	name[len] = '\0';
	memcpy(name, (const char[]){(char)('a' + i / 26), (char)('a' + i % 26)}, 2);
	return name;
}

/* N submodules whose names have LEN bytes. */
static char *submodules(unsigned n, size_t len)
{
	struct raw raw = {STRBUF_INIT};

	for (unsigned i = 0; i < n; i++) {
		_cleanup_free_ char *name = submodule_name(i, len);
		raw_add(&raw, "160000", name, "1111111111111111111111111111111111111111");
	}
	return raw_write(&raw);
}

/* A few kilobytes of objects whose paths would fill the memory. */
static void bounds_names(void **state)
{
	char *hex = submodules(600, 200);

	(void)state;
	for (int i = 0; i < 7; i++) {
		_cleanup_free_ char *name = submodule_name(0, 240);
		struct raw raw = {STRBUF_INIT};
		raw_add(&raw, "40000", name, hex);
		free(hex);
		hex = raw_write(&raw);
	}
	struct raw raw = {STRBUF_INIT};
	for (unsigned i = 0; i < 60; i++) {
		_cleanup_free_ char *name = submodule_name(i, 100);
		raw_add(&raw, "40000", name, hex);
	}
	free(hex);
	allow_files(40000);
	assert_refused(&raw, "names in the commit");
	allow_files(2000);
}

/* A folder that is too large is not even read. */
static void bounds_folders(void **state)
{
	_cleanup_free_ char *x = blob("x");
	_cleanup_free_ char *name = submodule_name(0, 60000);
	struct raw one = {STRBUF_INIT};

	(void)state;
	while (one.data.len <= PLAN_MAX_FOLDER)
		raw_add(&one, "100644", name, x);
	assert_refused(&one, "is too large");
}

static void records_some_submodules(void **state)
{
	_cleanup_free_ char *hex = submodules(300, 20);
	_cleanup_export_ struct export_stats stats, again;

	(void)state;
	export_stats_init(&stats);
	export_stats_init(&again);
	assert_ok(export_tree(&inst, "a", hex, NULL, &stats, &err));
	assert_int_equal(stats.submodules.n, PLAN_MAX_SUBMODULES);
	assert_non_null(strstr(stats.warnings.v[0], "at least 95 more"));
	assert_ok(export_tree(&inst, "a", hex, NULL, &again, &err));
	assert_true(again.existed);
	assert_int_equal(again.submodules.n, PLAN_MAX_SUBMODULES);
}

/* As after a power cut: neither durable nor of this boot. */
static void forget_boot(const char *hex)
{
	_cleanup_strbuf_ struct strbuf id = STRBUF_INIT;
	assert_ok(file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &id, &err));
	strbuf_trim(&id);
	_cleanup_free_ char *path = instance_lib(&inst, "sources/%s/boot-%s", hex, id.data);
	assert_int_equal(unlink(path), 0);
}

static void repairs_after_a_power_cut(void **state)
{
	_cleanup_free_ char *content = blob("precious\n");
	_cleanup_free_ char *line = xasprintf("100644 blob %s\tf\n", content);
	_cleanup_free_ char *hex = tree(line);
	_cleanup_export_ struct export_stats first, second, third;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	(void)state;
	export_stats_init(&first);
	export_stats_init(&second);
	export_stats_init(&third);
	assert_ok(export_tree(&inst, "a", hex, NULL, &first, &err));
	forget_boot(hex);
	assert_ok(export_tree(&inst, "a", hex, NULL, &second, &err));
	assert_true(second.existed); /* compared, and found whole */
	forget_boot(hex);
	_cleanup_free_ char *path = in_tree(hex, "f");
	assert_int_equal(truncate(path, 0), 0);
	assert_ok(export_tree(&inst, "a", hex, NULL, &third, &err));
	assert_false(third.existed);
	assert_ok(export_read_file(&inst, hex, "f", 100, &text, &err));
	assert_string_equal(text.data, "precious\n");
	assert_ok(export_settle(&inst, hex, &err));
	forget_boot(hex);
	_cleanup_export_ struct export_stats fourth;
	export_stats_init(&fourth);
	assert_ok(export_tree(&inst, "a", hex, NULL, &fourth, &err));
	assert_true(fourth.existed);
	_cleanup_strvec_ struct strvec list = STRVEC_INIT;
	assert_ok(export_list(&inst, &list, &err));
	assert_true(strvec_has(&list, hex));
	_cleanup_strvec_ struct strvec swept = STRVEC_INIT;
	assert_ok(export_sweep(&inst, false, &swept, &err));
	assert_int_equal(swept.n, 0);
}

static char *small_tree(const char *content)
{
	_cleanup_free_ char *hex = blob(content);
	_cleanup_free_ char *line = xasprintf("100644 blob %s\tf\n", hex);

	return tree(line);
}

/* Of many processes that find a damaged tree, one makes it again, and none removes that one. */
static void repairs_once(void **state)
{
	/* large enough that all of them are at work at the same time */
	_cleanup_free_ char *wide = submodules(600, 20);
	_cleanup_free_ char *once = blob("once\n");
	_cleanup_free_ char *lines =
		xasprintf("040000 tree %s\ta\n100644 blob %s\tf\n", wide, once);
	_cleanup_free_ char *hex = tree(lines);
	_cleanup_free_ char *path = in_tree(hex, "f");
	int gate[2];
	pid_t pids[6];
	int made = 0;

	(void)state;
	_cleanup_export_ struct export_stats first;
	export_stats_init(&first);
	assert_ok(export_tree(&inst, "a", hex, NULL, &first, &err));
	forget_boot(hex);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			struct export_stats stats;
			char c;
			close(gate[1]);
			(void)!read(gate[0], &c, 1);
			export_stats_init(&stats);
			int ret = export_tree(&inst, "a", hex, NULL, &stats, NULL);
			_exit(ret ? 2 : !stats.existed);
		}
	}
	close(gate[0]);
	close(gate[1]);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		int status;
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		made += WEXITSTATUS(status);
	}
	assert_int_equal(made, 1);
}

/* What cannot be read back must not block the tree for ever, nor be taken from a container. */
static void replaces_an_unreadable_about(void **state)
{
	_cleanup_free_ char *hex = small_tree("about\n");
	_cleanup_free_ char *path = instance_lib(&inst, "sources/%s", hex);
	_cleanup_free_ char *about = xasprintf("%s/about", path);
	static const long sizes[] = {2 << 20, 3, 0};

	(void)state;
	_cleanup_export_ struct export_stats first;
	export_stats_init(&first);
	assert_ok(export_tree(&inst, "a", hex, NULL, &first, &err));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		_cleanup_close_ int held = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		_cleanup_export_ struct export_stats stats, again;
		export_stats_init(&stats);
		export_stats_init(&again);
		assert_int_equal(flock(held, LOCK_SH), 0);
		assert_int_equal(truncate(about, sizes[i]), 0);
		assert_ok(export_tree(&inst, "a", hex, NULL, &stats, &err));
		assert_false(stats.existed);
		assert_int_equal(stats.files, 1);
		assert_ok(export_tree(&inst, "a", hex, NULL, &again, &err));
		assert_true(again.existed);
		_cleanup_strvec_ struct strvec swept = STRVEC_INIT;
		assert_ok(export_sweep(&inst, false, &swept, &err));
		assert_int_equal(swept.n, 0);
		assert_true(file_exists(held, "app/f"));
		assert_int_equal(flock(held, LOCK_UN), 0);
		assert_ok(export_sweep(&inst, true, &swept, &err));
		assert_int_equal(swept.n, 1);
		assert_true(file_exists(held, "app/f"));
		assert_ok(export_sweep(&inst, false, &swept, &err));
		assert_int_equal(swept.n, 2);
		assert_false(file_exists(held, "app/f"));
	}
}

/* The most memory this process had since the last call, in KiB. */
static unsigned long long peak(void)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	unsigned long long kib;

	assert_ok(file_read(AT_FDCWD, "/proc/self/status", 1 << 20, &text, &err));
	const char *line = strstr(text.data, "VmHWM:");
	assert_non_null(line);
	assert_int_equal(sscanf(line, "VmHWM: %llu", &kib), 1);
	_cleanup_close_ int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	assert_ok(file_write_all(fd, "5", 1, &err));
	return kib;
}

/* Also when it was to be linked, and the previous tree is being removed. */
static void streams_large_files(void **state)
{
	const size_t len = 40u << 20;
	char *zeros = xcalloc(1, len);
	_cleanup_free_ char *large = object(GIT_OBJECT_BLOB, zeros, len);
	_cleanup_free_ char *x = blob("x");
	_cleanup_free_ char *one = xasprintf("100644 blob %s\tlarge\n", large);
	_cleanup_free_ char *two =
		xasprintf("100644 blob %s\tlarge\n100644 blob %s\tx\n", large, x);
	_cleanup_free_ char *before = tree(one);
	_cleanup_free_ char *after = tree(two);
	_cleanup_free_ char *was = in_tree(before, "large");
	_cleanup_free_ char *is = in_tree(after, "large");
	_cleanup_export_ struct export_stats stats, next;
	struct stat st;

	(void)state;
	free(zeros);
	export_stats_init(&stats);
	export_stats_init(&next);
	peak();
	unsigned long long start = peak();
	assert_ok(export_tree(&inst, "a", before, NULL, &stats, &err));
	assert_int_equal(unlink(was), 0);
	assert_ok(export_tree(&inst, "a", after, before, &next, &err));
	assert_true(peak() < start + (len >> 11));
	assert_int_equal(next.linked, 0);
	assert_int_equal(next.written, 2);
	assert_int_equal(next.bytes, len + 1);
	assert_int_equal(stat(is, &st), 0);
	assert_int_equal(st.st_size, len);
}

/* A sweep may come at any moment, also between making a folder and locking it. */
static void survives_sweeps(void **state)
{
	_cleanup_free_ char *hex = small_tree("swept\n");
	struct error err = ERROR_INIT;
	int failed = 0;

	(void)state;
	pid_t pid = fork();
	while (pid == 0) {
		_cleanup_strvec_ struct strvec swept = STRVEC_INIT;
		export_sweep(&inst, false, &swept, NULL);
	}
	for (int i = 0; !failed && i < 100; i++) {
		struct export_stats stats;
		export_stats_init(&stats);
		failed = export_tree(&inst, "a", hex, NULL, &stats, &err) ||
			 export_remove(&inst, hex, &err);
		export_stats_release(&stats);
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	if (failed)
		fail_msg("%s", err.message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_files_links_and_folders),
		cmocka_unit_test(links_what_did_not_change),
		cmocka_unit_test(refuses_hostile_trees),
		cmocka_unit_test(shows_no_control_characters),
		cmocka_unit_test(refuses_bombs),
		cmocka_unit_test(bounds_names),
		cmocka_unit_test(bounds_folders),
		cmocka_unit_test(records_some_submodules),
		cmocka_unit_test(streams_large_files),
		cmocka_unit_test(repairs_after_a_power_cut),
		cmocka_unit_test(repairs_once),
		cmocka_unit_test(survives_sweeps),
		cmocka_unit_test(replaces_an_unreadable_about),
	};
	return cmocka_run_group_tests_name("receiver/export", tests, setup, teardown);
}
