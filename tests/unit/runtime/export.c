/* SPDX-License-Identifier: MIT */
/* Packing layers that were unpacked here. */
#include "runtime/export.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/runtime/layers.h"

/* The names in the tar that FD gives, in their order. */
static void names_of(int fd, struct strvec *out)
{
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	lseek(fd, 0, SEEK_SET);
	archive_read_support_format_tar(a);
	assert_int_equal(archive_read_open_fd(a, fd, 65536), ARCHIVE_OK);
	while (archive_read_next_header(a, &e) == ARCHIVE_OK)
		strvec_pushf(out, "%s %o %ld%s%s", archive_entry_pathname(e),
			     archive_entry_hardlink(e) ? 0 : archive_entry_mode(e),
			     (long)archive_entry_uid(e), archive_entry_hardlink(e) ? " = " : "",
			     archive_entry_hardlink(e) ? archive_entry_hardlink(e) : "");
	archive_read_free(a);
}

/* A layer that is packed says what was unpacked, sorted, and packs to the same again. */
static void packs_what_it_unpacked(void **state)
{
	(void)state;
	static const char *const want[] = {
		"./ 40755 0",   "d/ 40750 7",    "d/.wh.gone 100644 0", "d/.wh..wh..opq 100644 0",
		"d/f 100600 7", "d/g 0 7 = d/f", "l 120777 0",          "su 104755 65535",
	};
	struct error err = ERROR_INIT;
	_cleanup_strvec_ struct strvec first = STRVEC_INIT, second = STRVEC_INIT;
	_cleanup_close_ int one = memfd_create("one", MFD_CLOEXEC);
	_cleanup_close_ int two = memfd_create("two", MFD_CLOEXEC);
	const struct strvec none = STRVEC_INIT;
	bool implied;
	int tree = LAY(
		&fx.inst, "it", 2, &none, &implied, &err, {"su", S_IFREG | 04755, NULL, "x", 65535},
		{"d/", S_IFDIR | 0750, NULL, NULL, 7}, {"d/g", S_IFREG | 0600, NULL, "hello", 7},
		{"d/f", S_IFREG | 0600, "d/g", NULL, 7},
		{"d/.wh..wh..opq", S_IFREG | 0644, NULL, NULL, 0},
		{"d/.wh.gone", S_IFREG | 0644, NULL, NULL, 0},
		{"l", S_IFLNK | 0777, "/etc/shadow", NULL, 0});
	if (tree < 0)
		fail_msg("%s", err.message);
	close(tree);
	assert_int_equal(layer_commit(&fx.inst, "it", &err), 0);
	if (export_layer(&fx.inst, "layer/it", one, &err) < 0)
		fail_msg("%s", err.message);
	names_of(one, &first);
	assert_int_equal(first.n, ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		if (!strvec_has(&first, want[i]))
			fail_msg("'%s' is missing", want[i]);
	assert_int_equal(layer_remove(&fx.inst, "it", &err), 0);
	lseek(one, 0, SEEK_SET);
	if (import_layer(&fx.inst, "it", 2, one, &none, &tree, &implied, &err) < 0)
		fail_msg("%s", err.message);
	close(tree);
	assert_int_equal(layer_commit(&fx.inst, "it", &err), 0);
	assert_int_equal(export_layer(&fx.inst, "layer/it", two, &err), 0);
	names_of(two, &second);
	assert_int_equal(second.n, first.n);
	for (size_t i = 0; i < first.n; i++)
		assert_string_equal(second.v[i], first.v[i]);
	assert_int_equal(export_layer(&fx.inst, "layer/none", two, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(export_layer(&fx.inst, "layer/../it", two, &err), -1);
	assert_int_equal(layer_remove(&fx.inst, "it", &err), 0);
	assert_nothing_left(&fx.inst);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packs_what_it_unpacked),
	};
	return cmocka_run_group_tests_name("export", tests, fixture_set_up, fixture_tear_down);
}
