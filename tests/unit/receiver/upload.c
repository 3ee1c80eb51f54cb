// SPDX-License-Identifier: MIT
#include "receiver/upload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HASH "83baae61804e65cc73a7201a7252750c76066a30"

static int parse(const char *line, enum entry_kind *kind, uint64_t *size, const char **path)
{
	struct error err = ERROR_INIT;
	git_oid oid;

	return upload_parse(line, strlen(line), kind, &oid, size, path, &err);
}

static void test_good(void **state)
{
	enum entry_kind kind;
	const char *path;
	uint64_t size;

	(void)state;
	assert_int_equal(parse("100644 " HASH " 12 a/b c", &kind, &size, &path), 0);
	assert_int_equal(kind, ENTRY_FILE);
	assert_int_equal(size, 12);
	assert_string_equal(path, "a/b c");
	assert_int_equal(parse("100755 " HASH " 0 x", &kind, &size, &path), 0);
	assert_int_equal(kind, ENTRY_PROGRAM);
	assert_int_equal(parse("120000 " HASH " 1 l", &kind, &size, &path), 0);
	assert_int_equal(kind, ENTRY_SYMLINK);
}

static void test_bad(void **state)
{
	static const char *const lines[] = {
		"",
		"100644",
		"100644 " HASH,
		"100644 " HASH " ",
		"100644 " HASH " 12",
		"100644 " HASH " 12 ",
		"100644 " HASH "  x",
		"100644 " HASH " -1 x",
		"100644 " HASH " 1x x",
		"100644 " HASH " 99999999999999999999 x",
		"100644 " HASH " 2251799813685248 x",
		"160000 " HASH " 1 submodule",
		"040000 " HASH " 1 folder",
		"100666 " HASH " 1 x",
		"100644 83BAAE61804e65cc73a7201a7252750c76066a30 1 x",
		"100644 zzbaae61804e65cc73a7201a7252750c76066a30 1 x",
		"100644 83baae61804e65cc73a7201a7252750c76066a3 1 x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		enum entry_kind kind;
		const char *path;
		uint64_t size;
		if (parse(lines[i], &kind, &size, &path) == 0)
			fail_msg("taken: '%s'", lines[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
