/* SPDX-License-Identifier: MIT */
#include "buildpacks/toml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

static void good(const char *text, const char *json)
{
	struct error err = ERROR_INIT;
	json_t *root = NULL;
	if (toml_parse(text, strlen(text), &root, &err) < 0)
		fail_msg("'%s': %s", text, err.message);
	char *got = json_dumps(root, JSON_COMPACT);
	assert_string_equal(got, json);
	free(got);
	json_decref(root);
}

static void bad_bytes(const char *text, size_t len, const char *part)
{
	struct error err = ERROR_INIT;
	json_t *root = NULL;
	assert_int_equal(toml_parse(text, len, &root, &err), -1);
	assert_null(root);
	assert_int_equal(err.code, ERROR_INVALID);
	if (!strstr(err.message, part))
		fail_msg("'%s' is not in '%s'", part, err.message);
}

static void bad(const char *text, const char *part)
{
	bad_bytes(text, strlen(text), part);
}

static void test_nothing(void **state)
{
	(void)state;
	good("", "{}");
	good("\xef\xbb\xbf# only\r\n", "{}");
	good("\n a = 1 # c\n\t\n", "{\"a\":1}");
}

static void test_values(void **state)
{
	(void)state;
	good("a = 1_000\nb = 0xfF\nc = 0o17\nd = 0b1\ne = -3\nf = +0",
	     "{\"a\":1000,\"b\":255,\"c\":15,\"d\":1,\"e\":-3,\"f\":0}");
	good("a = 1.5\nb = -2e3\nc = inf\nd = 1e999", "{\"a\":1.5,\"b\":-2000.0,\"c\":\"inf\","
						      "\"d\":\"1e999\"}");
	good("a = true\nb = false", "{\"a\":true,\"b\":false}");
	good("a = 1979-05-27 07:32:00.5-08:00\nb = 1979-05-27\nc = 07:32:00",
	     "{\"a\":\"1979-05-27 07:32:00.5-08:00\",\"b\":\"1979-05-27\",\"c\":\"07:32:00\"}");
	good("a = [1, [], # c\n 'x',]", "{\"a\":[1,[],\"x\"]}");
	good("a = {b = 1, c.d = [{}]}", "{\"a\":{\"b\":1,\"c\":{\"d\":[{}]}}}");
}

static void test_strings(void **state)
{
	(void)state;
	good("a = \"\\t\\\"\\\\\\u00e9\\U0001F600\"", "{\"a\":\"\\t\\\"\\\\é😀\"}");
	good("a = 'C:\\x'\n", "{\"a\":\"C:\\\\x\"}");
	good("a = \"\"\"\nx \\\n   y\"\"\"\"\"", "{\"a\":\"x y\\\"\\\"\"}");
	good("a = '''\r\nx\r\n'''", "{\"a\":\"x\\n\"}");
	good("\"a b\".'' = 1", "{\"a b\":{\"\":1}}");
}

static void test_tables(void **state)
{
	(void)state;
	good("[a.b]\nc = 1\n[a]\nd = 2", "{\"a\":{\"b\":{\"c\":1},\"d\":2}}");
	good("[[a]]\nb = 1\n[a.c]\nd = 2\n[[a]]\n[[a.e]]\n[[a.e]]",
	     "{\"a\":[{\"b\":1,\"c\":{\"d\":2}},{\"e\":[{},{}]}]}");
	good("a.b = 1\na.c.d = 2\n[a.e]\nf = 3",
	     "{\"a\":{\"b\":1,\"c\":{\"d\":2},\"e\":{\"f\":3}}}");
}

static void test_refusals(void **state)
{
	(void)state;
	bad("a = 1\na = 2", "line 2: 'a' is there already");
	bad("[a]\n[a]", "line 2: 'a' is there already");
	bad("[[a]]\n[a]", "'a' is there already");
	bad("a = []\n[[a]]", "no array of tables");
	bad("a = {}\na.b = 1", "can take no more");
	bad("a = {}\n[a.b]", "can take no more");
	bad("[a.b]\n[a]\nb.c = 1", "can take no more");
	bad("a.b = 1\n[a]", "'a' is there already");
	bad("a = 1 b = 2", "line 1: something follows");
	bad("a = b", "'b' is no value; text stands in quotes");
	bad("a =", "a value is missing");
	bad("= 1", "a name is missing");
	bad("a", "'=' is missing after 'a'");
	bad("[a", "']' is missing");
	bad("a = [1 2]", "',' or ']' is missing");
	bad("a = {b = 1,}", "a name is missing");
	bad("\n\na = \"x", "line 3: a string does not end");
	bad("a = 'x\n'", "does not end on its line");
	bad("a = \"\\q\"", "'\\q' is no escape");
	bad("a = \"\\ud800\"", "is no character");
	bad("a = \"\\u0000\"", "the character 0");
	bad("a = \"\xff\"", "not UTF-8");
	bad_bytes("a = 'x\0y'", 9, "must not hold the character 0");
	static const char *const numbers[] = {"01",
					      "1__0",
					      "_1",
					      "1_",
					      "0x",
					      "0xg",
					      "1.",
					      ".5",
					      "1e",
					      "+0x1",
					      "9223372036854775808",
					      "1.e5"};
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		_cleanup_free_ char *text = xasprintf("a = %s", numbers[i]);
		bad(text, "is no value");
	}
}

static void test_maxima(void **state)
{
	_cleanup_strbuf_ struct strbuf deep = STRBUF_INIT, wide = STRBUF_INIT, path = STRBUF_INIT;
	(void)state;
	strbuf_addstr(&deep, "a = ");
	for (int i = 0; i <= TOML_DEPTH_MAX; i++)
		strbuf_addch(&deep, '[');
	bad(deep.data, "more than 32 deep");
	for (int i = 0; i <= TOML_DEPTH_MAX; i++)
		strbuf_addstr(&path, "a.");
	bad(path.data, "more than 32 parts");
	for (int i = 0; i <= TOML_TABLES_MAX; i++)
		strbuf_addstr(&wide, "[[a]]\n");
	bad(wide.data, "more than 2000 tables");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),  cmocka_unit_test(test_values),
		cmocka_unit_test(test_strings),  cmocka_unit_test(test_tables),
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_maxima),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
