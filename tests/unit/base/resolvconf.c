/* SPDX-License-Identifier: MIT */
#include "base/resolvconf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void lines(void **state)
{
	char text[] =
		"# nameserver 192.0.2.9\n\n;x\nnameserver\t192.0.2.1 \r\n  search a.example  b\n"
		"options\nnameserver ::1";
	static const char *const want[][2] = {
		{"nameserver", "192.0.2.1"},
		{"search", "a.example  b"},
		{"options", ""},
		{"nameserver", "::1"},
	};
	char *at = text, *word, *rest;
	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_true(resolvconf_line(&at, &word, &rest));
		assert_string_equal(word, want[i][0]);
		assert_string_equal(rest, want[i][1]);
	}
	assert_false(resolvconf_line(&at, &word, &rest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(lines)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
