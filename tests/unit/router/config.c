/* SPDX-License-Identifier: MIT */
#include "router/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void open_fake(struct instance *inst, const char *settings)
{
	struct error err = ERROR_INIT;

	*inst = (struct instance){.lib = xstrdup("/x/lib"),
				  .run = xstrdup("/x/run"),
				  .share = xstrdup("/x/share/berth")};
	assert_int_equal(ini_parse(&inst->settings, settings, strlen(settings), "test", &err), 0);
}

static int emit(const char *settings, struct strbuf *out, struct error *err)
{
	_cleanup_instance_ struct instance inst = {0};

	open_fake(&inst, settings);
	return config_emit(&inst, out, err);
}

static void test_quote(void **state)
{
	static const char *const bad[] = {"a\"b", "a'b", "a\\b", "a$b", "a\nb", "a\x7f", "`a"};
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(config_quote(&out, "/a b/{c};", &err), 0);
	assert_string_equal(out.data, "\"/a b/{c};\"");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(config_quote(&out, bad[i], &err), -1);
}

static void test_listen(void **state)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(emit("[http]\naddress = 127.0.0.1, [::1]\nport = 8080\n", &out, &err), 0);
	assert_non_null(strstr(out.data, "listen 127.0.0.1:8080 default_server"));
	assert_non_null(strstr(out.data, "listen [::1]:8080 default_server"));
	assert_non_null(strstr(out.data, "server_name \"berth.localhost\";"));
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"[http]\naddress = 127.0.0.1; evil\n",
		"[http]\naddress = localhost\n",
		"[http]\naddress = ,\n",
		"[http]\nport = 0\n",
		"[http]\nport = 80;\n",
		"[http]\napi-host = a;b\n",
		"[http]\napi-host = *.test\n",
		"[http]\nworkers = many\n",
	};
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
		assert_int_equal(emit(bad[i], &out, &err), -1);
		assert_non_null(strstr(err.message, "http"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quote),
		cmocka_unit_test(test_listen),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
