/* SPDX-License-Identifier: MIT */
/* Strings, lists, errors and settings. */
#include "base/printable.h"
#include "base/strbuf.h"

#include <errno.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/ini.h"
#include "base/quote.h"
#include "base/strvec.h"

static void test_strbuf(void **state)
{
	(void)state;
	struct strbuf sb = STRBUF_INIT;
	assert_string_equal(sb.data, "");
	strbuf_addf(&sb, "%s-%d", "a", 7);
	strbuf_add(&sb, "\0b", 2);
	assert_int_equal(sb.len, 5);
	assert_memory_equal(sb.data, "a-7\0b", 6);
	strbuf_consume(&sb, 4);
	assert_string_equal(sb.data, "b");
	strbuf_reset(&sb);
	strbuf_addstr(&sb, " \t x y \n");
	strbuf_trim(&sb);
	assert_string_equal(sb.data, "x y");
	char *s = strbuf_detach(&sb);
	assert_string_equal(s, "x y");
	free(s);
	assert_string_equal(sb.data, "");
	strbuf_release(&sb);
}

static void test_cap(void **state)
{
	(void)state;
	struct strbuf sb = STRBUF_INIT;
	strbuf_cap(&sb, 4);
	strbuf_addstr(&sb, "abc");
	assert_false(sb.overflow);
	strbuf_addstr(&sb, "def");
	assert_true(sb.overflow);
	assert_string_equal(sb.data, "abcd");
	strbuf_addf(&sb, "%d", 12345);
	assert_string_equal(sb.data, "abcd");
	strbuf_release(&sb);
}

static void test_numbers(void **state)
{
	(void)state;
	unsigned long long n = 99;
	assert_int_equal(str_to_u64("0", 0, 10, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(str_to_u64("18446744073709551615", 0, UINT64_MAX, &n), 0);
	n = 99;
	static const char *const bad[] = {"",
					  "-1",
					  "+1",
					  " 1",
					  "1 ",
					  "0x1",
					  "11",
					  "1e1",
					  "18446744073709551616",
					  "99999999999999999999999"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(str_to_u64(bad[i], 0, 10, &n), -1);
		assert_int_equal(n, 99);
	}
}

static void test_strvec(void **state)
{
	(void)state;
	struct strvec sv = STRVEC_INIT;
	assert_null(sv.v[0]);
	strvec_setenv(&sv, "A", "1");
	strvec_setenv(&sv, "AB", "2");
	strvec_setenv(&sv, "A", "3");
	assert_int_equal(sv.n, 2);
	assert_string_equal(strvec_getenv(&sv, "A"), "3");
	assert_null(strvec_getenv(&sv, "B"));
	strvec_insert(&sv, 1, "middle");
	assert_string_equal(sv.v[1], "middle");
	strvec_remove(&sv, 0);
	assert_string_equal(sv.v[0], "middle");
	assert_true(strvec_has(&sv, "AB=2"));
	assert_null(sv.v[2]);
	for (int i = 0; i < 100; i++)
		strvec_pushf(&sv, "%03d", 99 - i);
	strvec_sort(&sv);
	assert_string_equal(sv.v[0], "000");
	assert_null(sv.v[sv.n]);
	strvec_release(&sv);
}

static void test_error(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	assert_int_equal(error_set(&err, ERROR_SYSTEM, ENOENT, "open '%s'", "x"), -1);
	assert_string_equal(err.message, "open 'x': No such file or directory");
	error_wrap(&err, "deploy '%s'", "app");
	assert_string_equal(err.message, "deploy 'app': open 'x': No such file or directory");
	assert_int_equal(error_exit_status(ERROR_NO_APP), 20);
	assert_int_equal(error_exit_status(ERROR_UNSUPPORTED), 10);
	assert_int_equal(error_exit_status(ERROR_USAGE), 2);
	assert_int_equal(error_http_status(ERROR_NO_APP), 404);
	/* a message that is too long is cut, never overrun */
	char *big = xmalloc(5000);
	memset(big, 'z', 4999);
	big[4999] = '\0';
	error_set(&err, ERROR_FAILED, ENOENT, "%s", big);
	for (int i = 0; i < 3; i++)
		error_wrap(&err, "%s", big);
	assert_int_equal(strlen(err.message), ERROR_MESSAGE_MAX - 1);
	error_set(&err, ERROR_FAILED, 0, "%.*s", ERROR_MESSAGE_MAX - 4, big);
	error_wrap(&err, "w");
	assert_true(strlen(err.message) < ERROR_MESSAGE_MAX);
	free(big);
	assert_int_equal(error_set(NULL, ERROR_FAILED, 0, "nobody asks"), -1);
}

static int parse(struct ini *ini, const char *text, struct error *err)
{
	return ini_parse(ini, text, strlen(text), "conf", err);
}

static void test_ini(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct ini ini = INI_INIT;
	assert_int_equal(
		parse(&ini, "# c\n; c\n\n[http]\r\n port = 80 \nname=a = b\n[ssh]\nport=", &err),
		0);
	assert_string_equal(ini_get(&ini, "http", "port"), "80");
	assert_string_equal(ini_get(&ini, "http", "name"), "a = b");
	assert_string_equal(ini_get(&ini, "ssh", "port"), "");
	assert_null(ini_get(&ini, "ssh", "name"));
	ini_release(&ini);
	assert_int_equal(parse(&ini, "[a]\nx=1\nx=2\n", &err), -1);
	assert_non_null(strstr(err.message, "line 3"));
	assert_int_equal(parse(&ini, "[a\n", &err), -1);
	assert_int_equal(parse(&ini, "[]\n", &err), -1);
	assert_int_equal(parse(&ini, "words\n", &err), -1);
	assert_int_equal(parse(&ini, "= 1\n", &err), -1);
	assert_int_equal(ini_parse(&ini, "a=\0", 3, "conf", &err), -1);
	assert_int_equal(ini.n, 0);
}

static void test_printable(void **state)
{
	(void)state;
	struct strbuf sb = STRBUF_INIT;
	printable_add(&sb, "a\tb\nc \x1b]0;title\x07 \x7f \xc2\x9b"
			   "31m \xc3\xa9 \xc2\xa9 \r");
	assert_string_equal(sb.data, "a\tb\nc \\x1b]0;title\\x07 \\x7f \\xc2\\x9b31m \xc3\xa9"
				     " \xc2\xa9 \\x0d");
	strbuf_release(&sb);
	assert_int_equal(printable_control("\xc2"), 0);
	assert_int_equal(printable_control(""), 0);
}

static void test_quote(void **state)
{
	(void)state;
	static const char *const words[] = {"time", "",     "it's",        "a b",
					    "$x",   "\n\\", "caf\xc3\xa9", "-c"};
	_cleanup_strvec_ struct strvec in = STRVEC_INIT, out = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		strvec_push(&in, words[i]);
	quote_words(&line, &in);
	assert_true(quote_split(line.data, &out));
	assert_int_equal(out.n, in.n);
	for (size_t i = 0; i < in.n; i++)
		assert_string_equal(out.v[i], in.v[i]);
	strvec_release(&out);
	assert_true(quote_split("  redis-server --port\t'6379' \"a b\" c\\ d ", &out));
	assert_int_equal(out.n, 5);
	assert_string_equal(out.v[3], "a b");
	assert_string_equal(out.v[4], "c d");
	/* what a shell would do something with */
	static const char *const shell[] = {"echo $PORT", "a;b",  "a | b",  "a && b", "A=1 b",
					    "cd /x",      "ls *", "\"$x\"", "a > b",  "echo `date`",
					    "~/x",        "",     "  ",     "'open",  "a\nb",
					    "exec a",     "(a)",  "a\\"};
	for (size_t i = 0; i < ARRAY_SIZE(shell); i++)
		if (quote_split(shell[i], &out))
			fail_msg("taken: %s", shell[i]);
	assert_int_equal(out.n, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strbuf),    cmocka_unit_test(test_cap),
		cmocka_unit_test(test_numbers),   cmocka_unit_test(test_strvec),
		cmocka_unit_test(test_error),     cmocka_unit_test(test_ini),
		cmocka_unit_test(test_printable), cmocka_unit_test(test_quote),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
