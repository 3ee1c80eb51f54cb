/* SPDX-License-Identifier: MIT */
#include "router/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"

static char folder[] = "/var/tmp/berth-table.XXXXXX";

static int set(struct table *t, const char *name, const char *host, const char *address,
	       struct error *err)
{
	_cleanup_strvec_ struct strvec hosts = STRVEC_INIT;
	struct router_backend b = {"c1", address, 5000};
	struct router_app app = {
		.app = name, .state = ROUTER_UP, .hosts = &hosts, .backends = &b, .n_backends = 1};
	bool changed = false;

	strvec_push(&hosts, host);
	if (table_set(t, &app, "berth.localhost", &changed, err) < 0)
		return -1;
	return changed;
}

static void test_round_trip(void **state)
{
	_cleanup_table_ struct table t = TABLE_INIT, again = TABLE_INIT;
	_cleanup_free_ char *path = xasprintf("%s/routes.json", folder);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(table_read(&t, path, &err), 0);
	assert_int_equal(t.version, 0);
	assert_int_equal(set(&t, "blog", "blog.test", "10.0.0.2", &err), 1);
	assert_int_equal(set(&t, "shop", "*.shop.test", "10.0.0.3", &err), 1);
	assert_int_equal(set(&t, "shop", "*.shop.test", "10.0.0.3", &err), 0);
	t.version = 7;
	assert_int_equal(table_write(&t, path, &err), 0);
	assert_int_equal(table_read(&again, path, &err), 0);
	assert_int_equal(again.version, 7);
	assert_true(json_equal(t.apps, again.apps));
	/* nginx finds the version in the first bytes */
	assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &text, &err), 0);
	assert_true(str_starts(text.data, "{\"version\":7,"));
	assert_true(table_remove(&t, "shop"));
	assert_false(table_remove(&t, "shop"));
	/* hosts and states stay when the backends go */
	assert_true(table_forget_backends(&t));
	assert_false(table_forget_backends(&t));
	json_t *blog = json_object_get(t.apps, "blog");
	assert_string_equal(json_string_value(json_object_get(blog, "state")), "up");
	assert_int_equal(json_array_size(json_object_get(blog, "hosts")), 1);
	assert_int_equal(json_array_size(json_object_get(blog, "backends")), 0);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {"",  "a b",      "UP.test", "a;b",
					  "*", "x.*.test", "a\nb",    "\xff"};
	_cleanup_table_ struct table t = TABLE_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	t.apps = json_object();
	assert_int_equal(set(&t, "blog", "blog.test", "10.0.0.2", &err), 1);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(set(&t, "shop", bad[i], "10.0.0.3", &err), -1);
	assert_int_equal(set(&t, "shop", "shop.test", "10.0.0.300", &err), -1);
	assert_int_equal(set(&t, "../shop", "shop.test", "10.0.0.3", &err), -1);
	assert_int_equal(set(&t, "shop", "berth.localhost", "10.0.0.3", &err), -1);
	assert_int_equal(set(&t, "shop", "blog.test", "10.0.0.3", &err), -1);
	assert_int_equal(err.code, ERROR_EXISTS);
	assert_non_null(strstr(err.message, "'blog'"));
	assert_int_equal(json_object_size(t.apps), 1);
}

static void test_damaged(void **state)
{
	static const char *const texts[] = {"",
					    "{",
					    "[]",
					    "{\"version\":1}",
					    "{\"version\":-1,\"apps\":{}}",
					    "{\"version\":\"1\",\"apps\":{}}"};
	_cleanup_free_ char *path = xasprintf("%s/damaged.json", folder);
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_table_ struct table t = TABLE_INIT;
		assert_int_equal(
			file_replace(AT_FDCWD, path, texts[i], strlen(texts[i]), 0644, &err), 0);
		assert_int_equal(table_read(&t, path, &err), -1);
		assert_int_equal(err.code, ERROR_INVALID);
	}
}

static int make(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int clean(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	return file_remove_tree(AT_FDCWD, folder, &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, make, clean);
}
