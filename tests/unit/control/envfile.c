// SPDX-License-Identifier: MIT
#include "control/envfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void gives(const char *text, const char *const *want)
{
	_cleanup_strvec_ struct strvec got = STRVEC_INIT;
	struct error err = ERROR_INIT;
	size_t n = 0;

	if (envfile_parse(text, &got, &err) < 0)
		fail_msg("%s", err.message);
	for (; want[n]; n++) {
		assert_true(n < got.n);
		assert_string_equal(got.v[n], want[n]);
	}
	assert_int_equal(got.n, n);
}

static void refuses(const char *text, const char *why)
{
	_cleanup_strvec_ struct strvec got = STRVEC_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(envfile_parse(text, &got, &err), -1);
	assert_non_null(strstr(err.message, why));
}

static void test_plain(void **state)
{
	(void)state;
	gives("", (const char *[]){NULL});
	gives("\n \n# A=1\n", (const char *[]){NULL});
	gives("A=1", (const char *[]){"A=1", NULL});
	gives("A=\nB=b # no comment = here\r\n  export\t C=\\n'x'",
	      (const char *[]){"A=", "B=b # no comment = here", "C=\\n'x'", NULL});
	gives("exported=1\n", (const char *[]){"exported=1", NULL});
}

static void test_quoted(void **state)
{
	(void)state;
	gives("A='it'\\''s $x'  # comment\nB=\"a \\\"b\\\" \\\\ \\$c \\n "
	      "\\x\"\nC=''\nD='a'b\"c\"\n",
	      (const char *[]){"A=it's $x", "B=a \"b\" \\ $c \n \\x", "C=", "D=abc", NULL});
	gives("A='one\ntwo\n'\r\nB=\"three\nfour\"\n",
	      (const char *[]){"A=one\ntwo\n", "B=three\nfour", NULL});
}

static void test_mistakes(void **state)
{
	(void)state;
	refuses("A=1\nno pair\n", "line 2: expected KEY=VALUE");
	refuses("A=1\n\nB='x\ny\n", "line 3: the quote is not closed");
	refuses("A='one\ntwo' three\n", "line 2: after the closing quote");
	refuses("A=\"\\", "line 1");
	refuses("1A=x\n", "line 1");
	refuses("=x\n", "line 1");
}

static void test_round_trip(void **state)
{
	static const char *const values[] = {"",   "it's", "'''", "a\nb\n",   " x ",
					     "\\", "\"",   "$`!", "\xff\x80", "\r\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
		_cleanup_free_ char *want = xasprintf("K=%s", values[i]);
		strbuf_addstr(&line, "export K=");
		envfile_quote(&line, values[i]);
		strbuf_addstr(&line, "\n");
		gives(line.data, (const char *[]){want, NULL});
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_quoted),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
