// SPDX-License-Identifier: MIT
#include "receiver/repo.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "receiver/hook.h"

#define ZEROS "0000000000000000000000000000000000000000"

static struct instance inst;
static char folder[] = "/var/tmp/berth-repo-XXXXXX";

#define assert_ok(call)                                                                            \
	do {                                                                                       \
		struct error err = ERROR_INIT;                                                     \
		if (call)                                                                          \
			fail_msg("%s", err.message);                                               \
	} while (0)

#define assert_fails(want, call)                                                                   \
	do {                                                                                       \
		struct error err = ERROR_INIT;                                                     \
		assert_int_equal(call, -1);                                                        \
		if (err.code != (want))                                                            \
			fail_msg("code %d: %s", err.code, err.message);                            \
	} while (0)

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	inst.root = xstrdup(folder);
	inst.lib = xasprintf("%s/lib", folder);
	inst.prefix = xstrdup("/opt/it's here");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_ok(file_remove_tree(AT_FDCWD, folder, &err));
	free(inst.root);
	free(inst.lib);
	free(inst.prefix);
	return 0;
}

/* git's own word on the repository of APP. The caller frees it. */
static char *git(const char *app, const char *a, const char *b, const char *c, const char *d)
{
	_cleanup_child_ struct child child;
	_cleanup_free_ char *path = gitdir_path(&inst, app);
	struct strbuf out = STRBUF_INIT;

	child_init(&child);
	child_args(&child, "git", "--git-dir", path, "-c", "user.name=t", "-c", "user.email=t@t", a,
		   b, c, d, NULL);
	child.capture = &out;
	assert_ok(child_run(&child, &err));
	strbuf_trim(&out);
	return strbuf_detach(&out);
}

static char *commit(const char *app, const char *message)
{
	_cleanup_free_ char *tree = git(app, "mktree", NULL, NULL, NULL);
	return git(app, "commit-tree", "-m", message, tree);
}

static void makes_renames_and_removes(void **state)
{
	(void)state;
	assert_ok(repo_create(&inst, "one", &err));
	assert_true(gitdir_exists(&inst, "one"));
	_cleanup_free_ char *refs =
		git("one", "config", "--get-all", "receive.procReceiveRefs", NULL);
	assert_string_equal(refs, "refs/heads");
	_cleanup_free_ char *head = git("one", "symbolic-ref", "HEAD", NULL, NULL);
	assert_string_equal(head, "refs/heads/main");
	assert_fails(ERROR_EXISTS, repo_create(&inst, "one", &err));
	assert_ok(repo_create(&inst, "two", &err));
	assert_fails(ERROR_EXISTS, repo_rename(&inst, "one", "two", &err));
	assert_fails(ERROR_NOT_FOUND, repo_rename(&inst, "none", "three", &err));
	assert_ok(repo_rename(&inst, "one", "three", &err));
	assert_false(gitdir_exists(&inst, "one"));
	assert_true(gitdir_exists(&inst, "three"));
	assert_ok(repo_remove(&inst, "three", &err));
	assert_ok(repo_remove(&inst, "three", &err));
	assert_ok(repo_remove(&inst, "two", &err));
	assert_false(gitdir_exists(&inst, "three"));
	assert_fails(ERROR_INVALID, repo_create(&inst, "../x", &err));
	assert_fails(ERROR_INVALID, repo_create(&inst, "-x", &err));
	assert_fails(ERROR_INVALID, repo_remove(&inst, "..", &err));
}

static void moves_refs_by_compare_and_swap(void **state)
{
	char hex[REPO_HEX_SIZE];
	const char *ref = "refs/heads/main";

	(void)state;
	assert_ok(repo_create(&inst, "a", &err));
	_cleanup_free_ char *one = commit("a", "one");
	_cleanup_free_ char *two = commit("a", "two");
	assert_ok(repo_ref(&inst, "a", ref, hex, &err));
	assert_string_equal(hex, "");
	assert_fails(ERROR_BUSY, repo_ref_update(&inst, "a", ref, two, one, "m", &err));
	assert_ok(repo_ref_update(&inst, "a", ref, one, ZEROS, "first", &err));
	assert_fails(ERROR_BUSY, repo_ref_update(&inst, "a", ref, two, "", "m", &err));
	assert_fails(ERROR_BUSY, repo_ref_update(&inst, "a", ref, one, two, "m", &err));
	assert_ok(repo_ref_update(&inst, "a", ref, two, one, "second", &err));
	_cleanup_free_ char *git_says = git("a", "rev-parse", "main", NULL, NULL);
	assert_string_equal(git_says, two);
	_cleanup_free_ char *log = git("a", "reflog", "show", "--format=%gs", "main");
	assert_string_equal(log, "second\nfirst");
	assert_fails(ERROR_EXISTS,
		     repo_ref_update(&inst, "a", "refs/heads/main/x", one, "", "m", &err));
	assert_ok(repo_ref_update(&inst, "a", "refs/heads/dir/x", one, "", "m", &err));
	assert_fails(ERROR_EXISTS,
		     repo_ref_update(&inst, "a", "refs/heads/dir", one, "", "m", &err));
	free(git("a", "pack-refs", "--all", NULL, NULL));
	assert_fails(ERROR_EXISTS,
		     repo_ref_update(&inst, "a", "refs/heads/dir", one, "", "m", &err));
	assert_fails(ERROR_BUSY, repo_ref_update(&inst, "a", ref, "", one, "m", &err));
	assert_ok(repo_ref_update(&inst, "a", ref, ZEROS, two, "gone", &err));
	assert_ok(repo_ref(&inst, "a", ref, hex, &err));
	assert_string_equal(hex, "");
	_cleanup_free_ char *left = git("a", "for-each-ref", "--format=%(refname)", NULL, NULL);
	assert_string_equal(left, "refs/heads/dir/x");
	assert_ok(repo_ref_update(&inst, "a", ref, one, "", "again", &err));
}

static void refuses_bad_names_and_ids(void **state)
{
	static const char *const refs[] = {"main",
					   "HEAD",
					   "refs/heads/a..b",
					   "refs/heads/--upload-pack=x y",
					   "refs/heads/a.lock",
					   "refs/../../x",
					   "refs/heads/",
					   "refs/heads/a\nb"};
	_cleanup_free_ char *one = commit("a", "one");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refs); i++)
		assert_fails(ERROR_INVALID,
			     repo_ref_update(&inst, "a", refs[i], one, "", "m", &err));
	assert_fails(ERROR_INVALID,
		     repo_ref_update(&inst, "a", "refs/heads/x", "1234", "", "m", &err));
	assert_fails(ERROR_INVALID,
		     repo_ref_update(&inst, "a", "refs/heads/x", one, "HEAD", "m", &err));
	assert_fails(ERROR_NOT_FOUND,
		     repo_ref_update(&inst, "a", "refs/heads/x",
				     "1111111111111111111111111111111111111111", "", "m", &err));
	assert_fails(ERROR_NOT_FOUND,
		     repo_ref_update(&inst, "none", "refs/heads/x", one, "", "m", &err));
}

static void waits_for_gits_own_lock(void **state)
{
	_cleanup_free_ char *one = commit("a", "one");
	_cleanup_free_ char *lock = instance_lib(&inst, "repos/a.git/refs/heads/locked.lock");

	(void)state;
	assert_ok(file_replace(AT_FDCWD, lock, "", 0, 0644, &err));
	assert_fails(ERROR_BUSY,
		     repo_ref_update(&inst, "a", "refs/heads/locked", one, "", "m", &err));
	unlink(lock);
	assert_ok(repo_ref_update(&inst, "a", "refs/heads/locked", one, "", "m", &err));
}

static void knows_commits(void **state)
{
	_cleanup_free_ char *first = commit("a", "first \033[31m line\n\nbody");
	_cleanup_free_ char *tree = git("a", "mktree", NULL, NULL, NULL);
	char hex[REPO_HEX_SIZE];
	bool is;

	(void)state;
	assert_ok(repo_commit_tree(&inst, "a", first, hex, &err));
	assert_string_equal(hex, tree);
	assert_fails(ERROR_NOT_FOUND,
		     repo_commit_tree(&inst, "a", "1111111111111111111111111111111111111111", hex,
				      &err));
	assert_int_equal(repo_commit_tree(&inst, "a", tree, hex, &(struct error)ERROR_INIT), -1);
	assert_ok(repo_peel(&inst, "a", first, hex, &err));
	assert_string_equal(hex, first);
	assert_int_equal(repo_peel(&inst, "a", tree, hex, &(struct error)ERROR_INIT), -1);
	assert_ok(repo_is_descendant(&inst, "a", first, first, &is, &err));
	assert_true(is);
	_cleanup_free_ char *other = commit("a", "other");
	assert_ok(repo_is_descendant(&inst, "a", first, other, &is, &err));
	assert_false(is);
	_cleanup_free_ char *summary = NULL;
	assert_ok(repo_commit_summary(&inst, "a", first, &summary, &err));
	assert_string_equal(summary, "first ?[31m line");
}

static void chooses_the_default_branch(void **state)
{
	const char *branch;

	(void)state;
	assert_ok(repo_create(&inst, "b", &err));
	assert_ok(repo_default_branch(&inst, "b", &branch, &err));
	assert_string_equal(branch, "main");
	_cleanup_free_ char *one = commit("b", "one");
	assert_ok(repo_ref_update(&inst, "b", "refs/heads/master", one, "", "m", &err));
	assert_ok(repo_default_branch(&inst, "b", &branch, &err));
	assert_string_equal(branch, "master");
	assert_ok(repo_ref_update(&inst, "b", "refs/heads/main", one, "", "m", &err));
	assert_ok(repo_default_branch(&inst, "b", &branch, &err));
	assert_string_equal(branch, "main");
	assert_ok(repo_set_head(&inst, "b", "master", &err));
	_cleanup_free_ char *head = git("b", "symbolic-ref", "HEAD", NULL, NULL);
	assert_string_equal(head, "refs/heads/master");
}

static void installs_hooks_that_a_shell_reads(void **state)
{
	_cleanup_free_ char *path = instance_lib(&inst, "hooks/proc-receive");
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct stat st;

	(void)state;
	assert_ok(hook_install(&inst, &err));
	assert_ok(hook_install(&inst, &err));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_ok(file_read(AT_FDCWD, path, 4096, &text, &err));
	assert_non_null(strstr(text.data, "exec '/opt/it'\\''s here/bin/berth' --root "));
	assert_non_null(strstr(text.data, " hook proc-receive\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_renames_and_removes),
		cmocka_unit_test(moves_refs_by_compare_and_swap),
		cmocka_unit_test(refuses_bad_names_and_ids),
		cmocka_unit_test(waits_for_gits_own_lock),
		cmocka_unit_test(knows_commits),
		cmocka_unit_test(chooses_the_default_branch),
		cmocka_unit_test(installs_hooks_that_a_shell_reads),
	};
	return cmocka_run_group_tests_name("receiver/repo", tests, setup, teardown);
}
