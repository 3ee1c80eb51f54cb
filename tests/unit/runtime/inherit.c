/* SPDX-License-Identifier: MIT */
/* Folders that a layer does not name, on layers of other ranges of ids. */
#include "runtime/inherit.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sys/xattr.h>

#include "tests/unit/runtime/layers.h"

#define LOWER 3
#define UPPER 2
#define PUT(id, range, ...)                                                                        \
	({                                                                                         \
		int tree_ = LAY(&fx.inst, id, range, &below, &implied, &err, __VA_ARGS__);         \
		if (tree_ < 0)                                                                     \
			fail_msg("%s", err.message);                                               \
		tree_;                                                                             \
	})

static void assert_folder(int tree, const char *path, mode_t mode, uid_t uid)
{
	struct stat st;
	assert_int_equal(fstatat(tree, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	if (st.st_mode != (S_IFDIR | mode) ||
	    st.st_uid != instance_range_base(&fx.inst, UPPER) + uid || st.st_gid != st.st_uid)
		fail_msg("'%s' is %o of %u", path, st.st_mode, st.st_uid);
}

static void unnamed_folders_are_as_below(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	_cleanup_strvec_ struct strvec below = STRVEC_INIT;
	bool implied = true;
	_cleanup_close_ int base = PUT("base", LOWER, {"tmp/", S_IFDIR | 01777, NULL, NULL, 0},
				       {"..data/", S_IFDIR | 0710, NULL, NULL, 4},
				       {"home/", S_IFDIR | 0755, NULL, NULL, 0},
				       {"home/app/", S_IFDIR | 0700, NULL, NULL, 1000},
				       {"gone/", S_IFDIR | 0700, NULL, NULL, 5},
				       {"link", S_IFLNK | 0777, "home/app", NULL, 0},
				       {"hidden/", S_IFDIR | 0711, NULL, NULL, 7},
				       {"hidden/in/", S_IFDIR | 0711, NULL, NULL, 7});
	assert_false(implied);
	_cleanup_close_ int app = openat(base, "home/app", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fsetxattr(app, "user.note", "text", 4, 0), 0);
	app = close_fd(app);
	base = close_fd(base);
	assert_int_equal(layer_commit(&fx.inst, "base", &err), 0);
	strvec_push(&below, "base");
	_cleanup_close_ int mid = PUT("mid", LOWER, {".wh.gone", S_IFREG | 0644, NULL, NULL, 0},
				      {"hidden/", S_IFDIR | 0750, NULL, NULL, 8},
				      {"hidden/.wh..wh..opq", S_IFREG | 0644, NULL, NULL, 0});
	assert_false(implied);
	/* it is not committed yet, as while an image is taken in */
	strvec_insert(&below, 0, "mid");
	_cleanup_close_ int top = PUT(
		"top", UPPER, {"..data/x", S_IFREG | 0644, NULL, "x", 0},
		{"tmp/x", S_IFREG | 0644, NULL, "x", 0},
		{"home/app/.wh.old", S_IFREG | 0644, NULL, NULL, 0},
		{"gone/y", S_IFREG | 0644, NULL, "x", 0}, {"link/y", S_IFREG | 0644, NULL, "x", 0},
		{"hidden/in/z", S_IFREG | 0644, NULL, "x", 0},
		{"late/f", S_IFREG | 0644, NULL, "x", 0}, {"late/", S_IFDIR | 0701, NULL, NULL, 9});
	assert_true(implied);
	assert_folder(top, "tmp", 01777, 0);
	assert_folder(top, "..data", 0710, 4);
	assert_folder(top, "home", 0755, 0);
	assert_folder(top, "home/app", 0700, 1000);
	assert_folder(top, "gone", 0755, 0);
	assert_folder(top, "link", 0755, 0);
	assert_folder(top, "hidden", 0750, 8);
	assert_folder(top, "hidden/in", 0755, 0);
	assert_folder(top, "late", 0701, 9);
	char value[8];
	_cleanup_close_ int noted = openat(top, "home/app", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fgetxattr(noted, "user.note", value, sizeof(value)), 4);
	noted = close_fd(noted);
	mid = close_fd(mid);
	top = close_fd(top);
	strvec_push(&below, "../base");
	assert_int_equal(import_layer(&fx.inst, "it", UPPER, -1, &below, &top, &implied, &err), -1);
	for (const char *const *id = (const char *const[]){"base", "mid", "top", NULL}; *id; id++)
		assert_int_equal(layer_remove(&fx.inst, *id, &err), 0);
	assert_nothing_left(&fx.inst);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unnamed_folders_are_as_below),
	};
	return cmocka_run_group_tests_name("inherit", tests, fixture_set_up, fixture_tear_down);
}
