/* SPDX-License-Identifier: MIT */
/* What "cgroupsPath" says to systemd: names that a unit can have, and those that it cannot. */
#include "runtime/scope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

static void takes_three_names(void **state)
{
	static const struct {
		const char *path, *slice, *unit;
	} good[] = {
		{"machine.slice:libpod:0a1b", "machine.slice", "libpod-0a1b.scope"},
		{":docker:web_1.x", "system.slice", "docker-web_1.x.scope"},
		{"kube-pods-a_b.slice:cri:x", "kube-pods-a_b.slice", "cri-x.scope"},
		{"-.slice:p:n", "-.slice", "p-n.scope"},
		{"a.slice::n", "a.slice", "-n.scope"},
		{"a.slice:p:b.slice", "a.slice", "b.slice"},
		{"a.slice:p:.slice", "a.slice", "p-.slice.scope"},
		{"a.slice:p:x\\x2dy@z", "a.slice", "p-x\\x2dy@z.scope"},
		{NULL, "system.slice", "berth-oci-me.scope"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		_cleanup_(scope_release) struct scope s = SCOPE_INIT;
		struct error err = ERROR_INIT;
		if (scope_parse(good[i].path, "me", &s, &err) < 0)
			fail_msg("'%s': %s", good[i].path, err.message);
		assert_string_equal(s.slice, good[i].slice);
		assert_string_equal(s.unit, good[i].unit);
		assert_int_equal(s.holder, 0);
	}
}

static void refuses(const char *path, const char *why)
{
	struct scope s = {"as", "before", 0};
	struct error err = ERROR_INIT;
	if (scope_parse(path, "me", &s, &err) == 0)
		fail_msg("'%.100s' is '%s' in '%s'", path, s.unit, s.slice);
	if (!strstr(err.message, "'cgroupsPath'") || !strstr(err.message, why))
		fail_msg("'%.100s': expected '%s', got '%s'", path, why, err.message);
	assert_string_equal(s.unit, "as");
	assert_string_equal(s.slice, "before");
}

static void names_what_is_wrong(void **state)
{
	static const char three[] = "expected 'SLICE:PREFIX:NAME', like 'machine.slice:libpod:web'";
	static const char slice[] = "names no slice of systemd";
	static const char unit[] = "names no unit of systemd";
	(void)state;
	const char *const no_three[] = {"",           "/berth/a",    "a.slice", "a.slice:p",
					"a.slice:p:", "a:b:c:d",     ":",       "::",
					":::",        "a.slice:p:n:"};
	for (size_t i = 0; i < ARRAY_SIZE(no_three); i++)
		refuses(no_three[i], three);
	const char *const no_slice[] = {"a:p:n",
					"/:p:n",
					".slice:p:n",
					"-a.slice:p:n",
					"a-.slice:p:n",
					"a--b.slice:p:n",
					"a.slice/b.slicex:p:n",
					"a.scope:p:n",
					"a.slice:p:-a.slice",
					"a.slice:p:a--b.slice"};
	for (size_t i = 0; i < ARRAY_SIZE(no_slice); i++)
		refuses(no_slice[i], slice);
	const char *const no_unit[] = {
		"a.slice:p:n/../../x", "a.slice:p:n x",  "a.slice:p:a+b",
		"a/../b.slice:p:n",    "a.slice:@p:n",   "a.slice:p:\xc3\xa4",
		"a.slice:p:n\n",       "a.slice:p:%s%n", "\x1b[2J.slice:p:n"};
	for (size_t i = 0; i < ARRAY_SIZE(no_unit); i++)
		refuses(no_unit[i], unit);
}

/* systemd takes 255 characters, the suffix included. */
static void bounds_the_length(void **state)
{
	_cleanup_free_ char *name = xcalloc(1 << 20, 1);
	(void)state;
	memset(name, 'n', (1 << 20) - 1);
	_cleanup_free_ char *fits = xasprintf("a.slice:p:%.*s", 255 - 8, name);
	_cleanup_free_ char *longer = xasprintf("a.slice:p:%.*s", 255 - 7, name);
	_cleanup_free_ char *long_slice = xasprintf("%.*s.slice:p:n", 255 - 5, name);
	_cleanup_free_ char *huge = xasprintf("a.slice:p:%s", name);
	_cleanup_(scope_release) struct scope s = SCOPE_INIT;
	assert_int_equal(scope_parse(fits, "me", &s, NULL), 0);
	assert_int_equal(strlen(s.unit), 255);
	refuses(longer, "at most 255 characters");
	refuses(long_slice, "at most 255 characters");
	refuses(huge, "at most 255 characters");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_three_names),
		cmocka_unit_test(names_what_is_wrong),
		cmocka_unit_test(bounds_the_length),
	};
	return cmocka_run_group_tests_name("scope", tests, NULL, NULL);
}
