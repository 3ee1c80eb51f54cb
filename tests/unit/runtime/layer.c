/* SPDX-License-Identifier: MIT */
/* Layers on a real file system: commit, removal, use, and names that must not be believed. */
#include "runtime/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "tests/unit/runtime/instance.h"

static void make_committed(const char *id, unsigned range)
{
	struct error err = ERROR_INIT;
	int data = -1, work = -1;
	assert_int_equal(layer_create_upper(&fx.inst, id, range, &data, &work, &err), 0);
	int fd = openat(data, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	close(fd);
	close(data);
	close(work);
	assert_int_equal(layer_commit(&fx.inst, id, &err), 0);
}

static void commits_and_opens(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	int fd = -1;
	uid_t base;
	uint32_t count;
	struct stat st;
	make_committed("one", 3);
	assert_true(layer_exists(&fx.inst, "one"));
	assert_int_equal(layer_open(&fx.inst, "layer/one", &fd, &base, &count, &err), 0);
	assert_int_equal(base, instance_range_base(&fx.inst, 3));
	assert_int_equal(count, INSTANCE_RANGE_SIZE);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_uid, base);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_true(file_exists(fd, "file"));
	/* work is gone, the owner is not part of the tree */
	_cleanup_free_ char *dir = instance_lib(&fx.inst, "layers/one/work");
	assert_false(file_exists(AT_FDCWD, dir));
	close(fd);
	assert_int_equal(layer_remove(&fx.inst, "one", &err), 0);
	assert_false(layer_exists(&fx.inst, "one"));
	assert_int_equal(layer_remove(&fx.inst, "one", &err), 0);
}

static void renames_what_nobody_uses(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	make_committed("random", 0);
	make_committed("other", 0);
	assert_int_equal(layer_rename(&fx.inst, "random", "content", &err), 0);
	assert_false(layer_exists(&fx.inst, "random"));
	assert_true(layer_exists(&fx.inst, "content"));
	/* the name is taken: nothing changes */
	assert_int_equal(layer_rename(&fx.inst, "other", "content", &err), -1);
	assert_int_equal(err.code, ERROR_EXISTS);
	assert_true(layer_exists(&fx.inst, "other"));
	error_clear(&err);
	assert_int_equal(layer_rename(&fx.inst, "other", "../up", &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	error_clear(&err);
	assert_int_equal(layer_rename(&fx.inst, "missing", "new", &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	error_clear(&err);
	assert_int_equal(layer_remove(&fx.inst, "content", &err), 0);
	assert_int_equal(layer_remove(&fx.inst, "other", &err), 0);
}

static void use_prevents_removal(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	int fd = -1;
	uid_t base;
	uint32_t count;
	make_committed("used", 0);
	assert_int_equal(layer_open(&fx.inst, "layer/used", &fd, &base, &count, &err), 0);
	assert_int_equal(layer_remove(&fx.inst, "used", &err), -1);
	assert_int_equal(err.code, ERROR_BUSY);
	assert_true(layer_exists(&fx.inst, "used"));
	close(fd);
	assert_int_equal(layer_remove(&fx.inst, "used", &err), 0);
}

static void uncommitted_is_invisible(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	int data = -1, work = -1, fd = -1, data2 = -1, work2 = -1;
	uid_t base;
	uint32_t count;
	assert_int_equal(layer_create_upper(&fx.inst, "fresh", 0, &data, &work, &err), 0);
	assert_false(layer_exists(&fx.inst, "fresh"));
	assert_int_equal(layer_open(&fx.inst, "layer/fresh", &fd, &base, &count, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	/* somebody writes it: neither replaced nor cleaned up */
	assert_int_equal(layer_create_upper(&fx.inst, "fresh", 0, &data2, &work2, &err), -1);
	assert_int_equal(err.code, ERROR_BUSY);
	_cleanup_strvec_ struct strvec found = STRVEC_INIT;
	assert_int_equal(layer_cleanup(&fx.inst, false, &found, &err), 0);
	assert_int_equal(found.n, 0);
	close(data);
	close(work);
	assert_int_equal(layer_cleanup(&fx.inst, true, &found, &err), 0);
	assert_int_equal(found.n, 1);
	assert_int_equal(layer_cleanup(&fx.inst, false, &found, &err), 0);
	assert_int_equal(layer_commit(&fx.inst, "fresh", &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	_cleanup_strvec_ struct strvec list = STRVEC_INIT;
	assert_int_equal(layer_list(&fx.inst, &list, &err), 0);
	assert_int_equal(list.n, 0);
}

static void same_id_twice(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	int data = -1, work = -1;
	make_committed("twice", 1);
	assert_int_equal(layer_create_upper(&fx.inst, "twice", 1, &data, &work, &err), -1);
	assert_int_equal(err.code, ERROR_EXISTS);
	assert_int_equal(layer_remove(&fx.inst, "twice", &err), 0);
}

static void many_files_are_committed(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	int data = -1, work = -1;
	assert_int_equal(layer_create_upper(&fx.inst, "many", 1, &data, &work, &err), 0);
	for (int i = 0; i < 300; i++) {
		char name[32];
		snprintf(name, sizeof(name), "d%d", i);
		assert_int_equal(mkdirat(data, name, 0700), 0);
	}
	assert_int_equal(mkfifoat(data, "pipe", 0600), 0);
	close(data);
	close(work);
	assert_int_equal(layer_commit(&fx.inst, "many", &err), 0);
	assert_int_equal(layer_remove(&fx.inst, "many", &err), 0);
}

static void sources(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	int fd = -1;
	uid_t base;
	uint32_t count;
	_cleanup_free_ char *app = instance_lib(&fx.inst, "sources/t1/app");
	_cleanup_free_ char *bare = instance_lib(&fx.inst, "sources/t2");
	_cleanup_free_ char *link = instance_lib(&fx.inst, "sources/t3");
	assert_int_equal(file_make_dirs(app, 0755, &err), 0);
	assert_int_equal(file_make_dirs(bare, 0755, &err), 0);
	assert_int_equal(symlink("/etc", link), 0);
	assert_int_equal(layer_open(&fx.inst, "source/t1", &fd, &base, &count, &err), 0);
	assert_int_equal(base, fx.inst.uid);
	assert_int_equal(count, 1);
	assert_true(file_exists(fd, "app"));
	close(fd);
	assert_int_equal(layer_open(&fx.inst, "source/t2", &fd, &base, &count, &err), -1);
	assert_int_equal(layer_open(&fx.inst, "source/t3", &fd, &base, &count, &err), -1);
}

static void hostile_names(void **state)
{
	(void)state;
	static const char *const refs[] = {
		"layer/..", "layer/../..",   "layer/", "layer/.new", "layer/a/b",   "layer//etc",
		"/etc",     "source/../etc", "etc",    "source/..",  "layer/one\n", "layer/A",
	};
	make_committed("one", 0);
	for (size_t i = 0; i < ARRAY_SIZE(refs); i++) {
		struct error err = ERROR_INIT;
		int fd = -1;
		uid_t base;
		uint32_t count;
		assert_int_equal(layer_open(&fx.inst, refs[i], &fd, &base, &count, &err), -1);
		assert_int_equal(err.code, ERROR_INVALID);
	}
	/* a link where a layer should be is not followed */
	struct error err = ERROR_INIT;
	_cleanup_free_ char *link = instance_lib(&fx.inst, "layers/link");
	int fd = -1;
	uid_t base;
	uint32_t count;
	assert_int_equal(symlink("one", link), 0);
	assert_int_equal(layer_open(&fx.inst, "layer/link", &fd, &base, &count, &err), -1);
	assert_false(layer_exists(&fx.inst, "link"));
	assert_int_equal(unlink(link), 0);
	assert_int_equal(layer_remove(&fx.inst, "../run", &err), -1);
}

/* A tenant can make folders deeper than any path or stack of descriptors. */
static void deep_tree_is_removed(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	int data = -1, work = -1;
	struct rlimit few = {128, 128};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(layer_create_upper(&fx.inst, "deep", 0, &data, &work, &err), 0);
	int fd = data;
	for (int i = 0; i < 5000; i++) {
		assert_int_equal(mkdirat(fd, "d", 0700), 0);
		int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(fd);
		fd = next;
	}
	close(fd);
	close(work);
	assert_int_equal(layer_commit(&fx.inst, "deep", &err), 0);
	if (layer_remove(&fx.inst, "deep", &err) < 0)
		fail_msg("%s", err.message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commits_and_opens),
		cmocka_unit_test(renames_what_nobody_uses),
		cmocka_unit_test(use_prevents_removal),
		cmocka_unit_test(uncommitted_is_invisible),
		cmocka_unit_test(same_id_twice),
		cmocka_unit_test(many_files_are_committed),
		cmocka_unit_test(sources),
		cmocka_unit_test(hostile_names),
		cmocka_unit_test(deep_tree_is_removed),
	};
	return cmocka_run_group_tests_name("layer", tests, fixture_set_up, fixture_tear_down);
}
