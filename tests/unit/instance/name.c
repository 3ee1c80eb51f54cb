/* SPDX-License-Identifier: MIT */
/* Names that come from outside. */
#include "instance/name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static void check(int (*f)(const char *, struct error *), const char *const *good, size_t n_good,
		  const char *const *bad, size_t n_bad)
{
	for (size_t i = 0; i < n_good; i++) {
		struct error err = ERROR_INIT;
		assert_int_equal(f(good[i], &err), 0);
	}
	for (size_t i = 0; i < n_bad; i++) {
		struct error err = ERROR_INIT;
		assert_int_equal(f(bad[i], &err), -1);
		assert_int_equal(err.code, ERROR_INVALID);
		assert_true(err.message[0] != '\0');
	}
}

static void test_app(void **state)
{
	(void)state;
	static const char *const good[] = {"a", "my-app", "a.b", "0", "x1"};
	static const char *const bad[] = {
		"",
		"A",
		"-a",
		".a",
		"a..b",
		"a.",
		"a-",
		"a/b",
		"a b",
		"a\n",
		"../x",
		"a.git",
		"--upload-pack=x",
		"a;b",
		"\xc3\xa4",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	check(name_check_app, good, COUNT(good), bad, COUNT(bad));
}

static void test_domain(void **state)
{
	(void)state;
	static const char *const good[] = {"a.b", "localhost", "*.example.com", "xn--a.de",
					   "1.2.3.4"};
	static const char *const bad[] = {"",           "*",      "*.",    "a..b",  ".a",
					  "a.",         "-a.b",   "a-.b",  "a_b.c", "A.b",
					  "a;b.c",      "a b.c",  "a.*.b", "*.*.b", "a\n.b",
					  "http://a.b", "a.b:80", "a.b/c", "\"a.b", "$host"};
	check(name_check_domain, good, COUNT(good), bad, COUNT(bad));
}

static void test_key_type_label(void **state)
{
	(void)state;
	static const char *const keys[] = {"A", "_a", "A1_b"}, *const no_keys[] = {"",    "1A",
										   "A-B", "A B",
										   "A=",  "\xc3"};
	static const char *const types[] = {"web", "Web_1-x"}, *const no_types[] = {"", "a.b",
										    "a b", "../x"};
	static const char *const labels[] = {"anna", "anna@laptop.local"}, *const no_labels[] = {
										   "",     "-a",
										   ".a",   "a b",
										   "a\"b", "a/b",
										   "a\nb"};
	check(name_check_key, keys, COUNT(keys), no_keys, COUNT(no_keys));
	check(name_check_type, types, COUNT(types), no_types, COUNT(no_types));
	check(name_check_label, labels, COUNT(labels), no_labels, COUNT(no_labels));
}

static void test_id(void **state)
{
	(void)state;
	assert_true(name_is_id("app.1a2b"));
	assert_true(name_is_id("runtime-0_1"));
	assert_false(name_is_id(""));
	assert_false(name_is_id(".."));
	assert_false(name_is_id("a..b"));
	assert_false(name_is_id("a/b"));
	assert_false(name_is_id("A"));
	assert_false(name_is_id("-a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_app),
		cmocka_unit_test(test_domain),
		cmocka_unit_test(test_key_type_label),
		cmocka_unit_test(test_id),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
