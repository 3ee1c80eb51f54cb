/* SPDX-License-Identifier: MIT */
#include "base/colour.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define HEAD "\033[1;36m"
#define YELLOW "\033[33m"
#define RED "\033[31m"
#define PLAIN "\033[0m"

static void set(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

/* Neither stdout nor stderr needs to be a terminal here: that is for tests/e2e/output.bats. */
static void test_environment(void **state)
{
	static const struct {
		const char *never, *always, *term;
		bool forced;
	} rows[] = {
		{NULL, "1", "xterm", true},  {NULL, "1", NULL, true},
		{"", "1", "dumb", true},     {"1", "1", "xterm", false},
		{"0", "1", "xterm", false},  {"1", NULL, "xterm", false},
		{NULL, NULL, "dumb", false}, {NULL, "0", "dumb", false},
		{NULL, "", NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		set("NO_COLOR", rows[i].never);
		set("CLICOLOR_FORCE", rows[i].always);
		set("TERM", rows[i].term);
		if (colour_wanted() != (rows[i].forced ? COLOUR_OUT | COLOUR_ERR : COLOUR_NONE))
			fail_msg("row %zu: %s", i, colour_name(colour_wanted()));
	}
}

static void test_names(void **state)
{
	unsigned got = 99;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		assert_true(colour_parse(colour_name(i), &got));
		assert_int_equal(got, i);
	}
	assert_false(colour_parse("always", &got));
	assert_int_equal(got, 3);
}

static void test_streams(void **state)
{
	(void)state;
	assert_false(colour_on(1) || colour_on(2));
	colour_set(COLOUR_ERR);
	assert_true(colour_on(2) && !colour_on(1) && !colour_on(0) && !colour_on(-1));
	colour_set(COLOUR_NONE);
}

/* Paints TEXT in pieces of SIZE bytes. */
static char *paint(const char *text, size_t size, enum colour_tone tone)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	bool mid_line = false;

	for (size_t left = strlen(text), n; left > 0; text += n, left -= n) {
		n = left < size ? left : size;
		colour_paint(&out, text, n, tone, &mid_line);
	}
	return strbuf_detach(&out);
}

static void test_paint(void **state)
{
	static const char text[] = "-----> one\n       two -----> x\n=====> three\n !     four\n"
				   "\n !  five\n----> six\n !     seven";
	_cleanup_free_ char *whole = paint(text, sizeof(text), COLOUR_WARNING);
	_cleanup_free_ char *error = paint(" !     x\n", 99, COLOUR_ERROR);
	_cleanup_free_ char *bytes = paint(text, 1, COLOUR_WARNING);
	_cleanup_free_ char *cut = paint(" !     a line in two\n-----> x", 10, COLOUR_WARNING);

	(void)state;
	assert_string_equal(whole, HEAD "----->" PLAIN " one\n       two -----> x\n" HEAD
					"=====>" PLAIN " three\n" YELLOW " !     four" PLAIN
					"\n\n !  five\n----> six\n" YELLOW " !     seven" PLAIN);
	assert_string_equal(error, RED " !     x" PLAIN "\n");
	/* a mark that comes in pieces stays as it is: nothing is held back for it */
	assert_string_equal(bytes, text);
	assert_string_equal(cut, YELLOW " !     a l" PLAIN "ine in two\n" HEAD "----->" PLAIN " x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_paint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
