// SPDX-License-Identifier: MIT
#include "base/remote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void test_urls(void **state)
{
	static const struct {
		const char *url;
		bool http, file;
		int result;
	} rows[] = {
		{"https://example.com/x.git", false, false, 0},
		{"git@example.com:x.git", false, false, 0},
		{"ssh://git@example.com:22/x", false, false, 0},
		{"http://example.com/x.git", false, false, -1},
		{"http://example.com/x.git", true, false, 0},
		{"file:///srv/x.git", false, false, -1},
		{"file:///srv/x.git", false, true, 0},
		{"ext::sh -c true", true, true, -1},
		{"ext::sh", true, true, -1},
		{"fd::17/x", true, true, -1},
		{"--upload-pack=x", true, true, -1},
		{"-oProxyCommand=x:y", true, true, -1},
		{"ssh://-oProxyCommand=x/y", true, true, -1},
		{"ssh://me@-oProxyCommand=x/y", true, true, -1},
		{"https://example.com/x y", true, true, -1},
		{"https://example.com/x\ny", true, true, -1},
		{"https://", true, true, -1},
		{"/srv/x", true, true, -1},
		{"", true, true, -1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct error err = ERROR_INIT;
		if (remote_check_url(rows[i].url, rows[i].http, rows[i].file, NULL, &err) !=
		    rows[i].result)
			fail_msg("'%s': %s", rows[i].url, err.message);
	}
}

static void advise(enum remote_trouble trouble, const char *host, struct strbuf *out)
{
	strbuf_addf(out, "trouble %d with %s", trouble, host);
}

static void test_advice(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(remote_check_url("http://a.b:80/x", false, false, NULL, &err), -1);
	assert_string_equal(err.message, "'http://a.b:80/x' is not encrypted: use https://");
	assert_int_equal(remote_check_url("http://a.b:80/x", false, false, advise, &err), -1);
	assert_string_equal(err.message,
			    "'http://a.b:80/x' is not encrypted: trouble 0 with a.b:80");
	assert_int_equal(remote_check_url("ext::x", false, false, advise, &err), -1);
	assert_null(strstr(err.message, "trouble"));
}

static void test_hosts(void **state)
{
	static const char *const rows[][2] = {
		{"https://Example.com/x.git", "example.com"},
		{"https://user:pass@example.com:8443/x", "example.com:8443"},
		{"git@example.com:me/x.git", "example.com"},
		{"ssh://git@example.com:22/x", "example.com:22"},
		{"https://good.com@evil.com/x", "evil.com"},
		{"https://a@b@evil.com/x@good.com", "evil.com"},
		{"https://evil.com?@good.com/", "evil.com"},
		{"file:///srv/x", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *host = remote_host(rows[i][0]);
		assert_string_equal(host, rows[i][1]);
	}
}

static void test_refs(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(remote_check_ref("feature/one", &err), 0);
	assert_int_equal(remote_check_ref("v1.2-rc_3", &err), 0);
	assert_int_equal(remote_check_ref("--output=x", &err), -1);
	assert_int_equal(remote_check_ref("a..b", &err), -1);
	assert_int_equal(remote_check_ref("a^{/x}", &err), -1);
	assert_int_equal(remote_check_ref("a:b", &err), -1);
	assert_int_equal(remote_check_ref("a*", &err), -1);
	assert_int_equal(remote_check_ref("", &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_advice),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_refs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
