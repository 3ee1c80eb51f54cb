// SPDX-License-Identifier: MIT
#include "receiver/door.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "receiver/words.h"

/* "SERVICE APP", "-" for a command of berthd, or NULL when it is refused. */
static char *parse(const char *line)
{
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	_cleanup_free_ char *app = NULL;
	struct error err = ERROR_INIT;
	const char *service;

	assert_int_equal(words_split(line, strlen(line), &words, &err), 0);
	if (door_parse_git(&words, &service, &app, &err))
		return NULL;
	return service ? xasprintf("%s %s", service, app) : xstrdup("-");
}

static void finds_the_app_in_the_path(void **state)
{
	static const char *const cases[][2] = {
		{"git-receive-pack 'hello'", "receive-pack hello"},
		{"git-receive-pack '/hello.git'", "receive-pack hello"},
		{"git-upload-pack '~/hello.git/'", "upload-pack hello"},
		{"git upload-archive //a.b-c", "upload-archive a.b-c"},
		{"git:report hello", "-"},
		{"git", "-"},
		{"git status", "-"},
		{"git-shell -c x", "-"},
		{"apps:list", "-"},
		{"--quiet apps:list", "-"},
		{"sh -c 'git-receive-pack x'", "-"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *got = parse(cases[i][0]);
		assert_non_null(got);
		assert_string_equal(got, cases[i][1]);
	}
}

static void refuses_other_paths(void **state)
{
	static const char *const cases[] = {
		"git-receive-pack",          "git-receive-pack ''",
		"git-receive-pack a b",      "git-receive-pack --help",
		"git-receive-pack -- a",     "git-upload-pack --strict a",
		"git-upload-pack '-a'",      "git-upload-pack /-a",
		"git-upload-pack ../../etc", "git-upload-pack /var/lib/berth/repos/a.git",
		"git-upload-pack a/../b",    "git-upload-pack a..b",
		"git-upload-pack .git",      "git-upload-pack Hello",
		"git-upload-pack 'a\nb'",    "git-upload-pack 'a b'",
		"git-upload-pack ~root/a",   "git-upload-archive '$(id)'",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *got = parse(cases[i]);
		if (got)
			fail_msg("%s gave %s", cases[i], got);
	}
}

static void knows_git_protocol(void **state)
{
	(void)state;
	assert_true(door_is_git_protocol("version=2"));
	assert_true(door_is_git_protocol("version=1:key=value"));
	assert_false(door_is_git_protocol(""));
	assert_false(door_is_git_protocol("version=2\nX=1"));
	assert_false(door_is_git_protocol("$(id)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_app_in_the_path),
		cmocka_unit_test(refuses_other_paths),
		cmocka_unit_test(knows_git_protocol),
	};
	return cmocka_run_group_tests_name("receiver/door", tests, NULL, NULL);
}
