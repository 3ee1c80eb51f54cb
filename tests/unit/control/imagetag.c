/* SPDX-License-Identifier: MIT */
/* Names of images: what is one, and what a registry's name is. */
#include "control/imagetag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "control/registry.h"

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void names(void **state)
{
	(void)state;
	static const char *const good[] = {
		"redis",
		"redis:7",
		"library/redis:7.2-alpine",
		"docker.io/a/b:c",
		"localhost/x",
		"localhost:5000/x/y",
		"127.0.0.1:80/x:T",
		"x@sha256:" HEX,
		"h.example/x:1@sha256:" HEX,
		"a_b/c__d-e.f:1_2",
	};
	static const char *const bad[] = {
		"",       "Redis", "a//b",       "/a",         "a/",   "a:",         ":a",
		"a:b:c",  "-a",    "a b",        "a\n",        "../a", "a@sha256:1", "a@md5:" HEX,
		"--help", "h:x/y", "h:999999/y", "http://h/x", "a:-b", "a$b",        "a:b/c",
	};
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (!imagetag_is_name(good[i]))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (imagetag_is_name(bad[i]))
			fail_msg("taken: %s", bad[i]);
}

static void full_names(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"redis", "redis:latest"},
		{"redis:7", "redis:7"},
		{"localhost:5000/x", "localhost:5000/x:latest"},
		{"x@sha256:" HEX, "x@sha256:" HEX},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *full = imagetag_full(cases[i][0]);
		assert_string_equal(full, cases[i][1]);
	}
}

static void hosts(void **state)
{
	(void)state;
	assert_true(registry_is_host("docker.io"));
	assert_true(registry_is_host("127.0.0.1:5000"));
	assert_true(registry_is_host("localhost"));
	static const char *const bad[] = {"", "docker", "a.b/c", "-x.y", "a.b:x", "a b.c"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(registry_is_host(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(full_names),
		cmocka_unit_test(hosts),
	};
	return cmocka_run_group_tests_name("imagetag", tests, NULL, NULL);
}
