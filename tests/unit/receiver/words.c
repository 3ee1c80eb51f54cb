// SPDX-License-Identifier: MIT
#include "receiver/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

/* The words joined with "|", or NULL when LINE is refused. The caller frees it. */
static char *split(const char *line, size_t len)
{
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	struct strbuf joined = STRBUF_INIT;
	struct error err = ERROR_INIT;

	if (words_split(line, len, &words, &err)) {
		assert_int_equal(words.n, 0);
		assert_int_equal(err.code, ERROR_USAGE);
		return NULL;
	}
	for (size_t i = 0; i < words.n; i++)
		strbuf_addf(&joined, "%s%s", i ? "|" : "", words.v[i]);
	return strbuf_detach(&joined);
}

static void splits_like_a_shell(void **state)
{
	static const char *const cases[][2] = {
		{"", ""},
		{"  ", ""},
		{"apps:list", "apps:list"},
		{" a  b\tc ", "a|b|c"},
		{"git-receive-pack 'hello'", "git-receive-pack|hello"},
		{"git-receive-pack '/hello.git'", "git-receive-pack|/hello.git"},
		{"a'b'\"c\"d", "abcd"},
		{"'' \"\"", "|"},
		{"a\\ b c", "a b|c"},
		{"\\'", "'"},
		{"'a\\b'", "a\\b"},
		{"\"a\\b\\\"\\\\\\$\\`\"", "a\\b\"\\$`"},
		{"\"a\\\nb\"", "ab"},
		{"'it'\\''s'", "it's"},
		{"config:set app 'KEY=a\nb'", "config:set|app|KEY=a\nb"},
		{"config:set app \"KEY=a\nb\tc\"", "config:set|app|KEY=a\nb\tc"},
		{"a; rm -rf / | b && c > d # e", "a;|rm|-rf|/|||b|&&|c|>|d|#|e"},
		{"$HOME `id` $(id) ~ * {a,b}", "$HOME|`id`|$(id)|~|*|{a,b}"},
		{"\"$HOME\"", "$HOME"},
		{"caf\xc3\xa9 \xff", "caf\xc3\xa9|\xff"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *got = split(cases[i][0], strlen(cases[i][0]));
		assert_non_null(got);
		assert_string_equal(got, cases[i][1]);
	}
}

static void refuses_what_is_malformed(void **state)
{
	static const char *const cases[] = {
		"'a",   "\"a",        "a\\",     "\"a\\",  "a\nb", "a\rb",   "a\\\nb",
		"'\r'", "\"\\\x01\"", "\x1b[0m", "'\x07'", "\x7f", "'a'\"b",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_null(split(cases[i], strlen(cases[i])));
	assert_null(split("a\0b", 3));
	assert_null(split("'\0'", 3));
}

static void refuses_too_much(void **state)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;

	(void)state;
	for (int i = 0; i < WORDS_MAX; i++)
		strbuf_addstr(&line, "a ");
	_cleanup_free_ char *full = split(line.data, line.len);
	assert_non_null(full);
	strbuf_addstr(&line, "a");
	assert_null(split(line.data, line.len));

	strbuf_reset(&line);
	while (line.len < WORDS_MAX_BYTES)
		strbuf_addch(&line, 'a');
	_cleanup_free_ char *whole = split(line.data, line.len);
	assert_non_null(whole);
	strbuf_addch(&line, 'a');
	assert_null(split(line.data, line.len));
}

static void gives_the_rest_as_written(void **state)
{
	static const char line[] = " run  app 'echo $A'  \\'b\" c\"|'' ";

	(void)state;
	assert_string_equal(words_tail(line, 0), line + 1);
	assert_string_equal(words_tail(line, 1), "app 'echo $A'  \\'b\" c\"|'' ");
	assert_string_equal(words_tail(line, 2), "'echo $A'  \\'b\" c\"|'' ");
	assert_string_equal(words_tail(line, 3), "\\'b\" c\"|'' ");
	assert_string_equal(words_tail(line, 4), "");
	assert_string_equal(words_tail("", 0), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits_like_a_shell),
		cmocka_unit_test(refuses_what_is_malformed),
		cmocka_unit_test(refuses_too_much),
		cmocka_unit_test(gives_the_rest_as_written),
	};
	return cmocka_run_group_tests_name("receiver/words", tests, NULL, NULL);
}
