/* SPDX-License-Identifier: MIT */
/* What people write of where an app may go. */
#include "control/egress.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

#include "base/cleanup.h"

static void targets(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct policy_rule r = {.range = 9};
	char *host = NULL;
	assert_int_equal(egress_parse("192.0.2.7", &r, &host, &err), 0);
	assert_true(r.addr == 0xc0000207 && r.bits == 32 && r.port == 0 && r.range == 9);
	assert_int_equal(egress_parse("10.0.0.0/8:53", &r, &host, &err), 0);
	assert_true(r.addr == 0x0a000000 && r.bits == 8 && r.port == 53);
	assert_int_equal(egress_parse("0.0.0.0/0", &r, &host, &err), 0);
	assert_true(r.addr == 0 && r.bits == 0);
	assert_null(host);
	assert_int_equal(egress_parse("api.example.com:443", &r, &host, &err), 0);
	assert_string_equal(host, "api.example.com");
	assert_true(r.bits == 32 && r.port == 443 && r.range == 9);
	free(host);
	static const char *const bad[] = {"*.example.com",
					  "a.b/8",
					  "API.example.com",
					  "app.internal",
					  "a..b",
					  "1.2.3.4.5",
					  "",
					  "host",
					  "192.0.2",
					  "192.0.2.7/33",
					  "1.2.3.4:0",
					  "1.2.3.4:65536",
					  "1.2.3.4:",
					  "10.1.0.0/8",
					  "::1",
					  "1.2.3.4/8/8",
					  "1.2.3.4 } x",
					  "1.2.3.4/"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(egress_parse(bad[i], &r, &host, &err), -1);
}

static void settings(void **state)
{
	(void)state;
	static const struct {
		const char *words[4];
		const char *means; /* "": refused */
	} cases[] = {
		{{"open"}, NULL},
		{{"none"}, "none"},
		{{"allow", "192.0.2.7:443", "10.0.0.0/8"}, "allow 192.0.2.7:443 10.0.0.0/8"},
		{{"allow"}, ""},
		{{"none", "192.0.2.7"}, ""},
		{{"closed"}, ""},
		{{"allow", "x"}, ""},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;
		_cleanup_strvec_ struct strvec words = STRVEC_INIT;
		_cleanup_free_ char *got = NULL;
		for (size_t k = 0; k < 4 && cases[i].words[k]; k++)
			strvec_push(&words, cases[i].words[k]);
		int result = egress_setting(&words, 0, &got, &err);
		assert_int_equal(result, cases[i].means && !*cases[i].means ? -1 : 0);
		if (result == 0)
			assert_true(str_equal(got, cases[i].means) || (!got && !cases[i].means));
	}
}

static void rules(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	_cleanup_policy_ struct policy p = POLICY_INIT;
	struct host list[] = {{(char[]){"a.example"}, 0xc0000201, 1},
			      {(char[]){"a.example"}, 0xc0000202, 1},
			      {(char[]){"b.example"}, 0xc0000203, 1}};
	const struct hosts h = {list, ARRAY_SIZE(list)};
	assert_int_equal(egress_add(&p, 5, "none", &h, &err), 0);
	assert_int_equal(egress_add(&p, 6, "allow 10.0.0.0/8 10.1.0.0/16 192.0.2.7:443", &h, &err),
			 0);
	assert_int_equal(p.n_closed, 2);
	assert_int_equal(p.n_rules, 2);
	/* a host is all of its addresses, and none while it has none */
	assert_int_equal(egress_add(&p, 7, "allow a.example:443 c.example", &h, &err), 0);
	assert_int_equal(p.n_rules, 4);
	assert_true(p.rules[2].addr == 0xc0000201 && p.rules[2].port == 443 &&
		    p.rules[2].range == 7);
	assert_int_equal(policy_check(&p, &err), 0);
}

static void hosts_of_a_setting(void **state)
{
	_cleanup_strvec_ struct strvec named = STRVEC_INIT;
	struct error err = ERROR_INIT;
	(void)state;
	assert_int_equal(egress_hosts("none", &named, &err), 0);
	assert_int_equal(
		egress_hosts("allow a.example:1 10.0.0.0/8 b.example a.example:2", &named, &err),
		0);
	assert_int_equal(named.n, 2);
	assert_string_equal(named.v[0], "a.example");
	assert_string_equal(named.v[1], "b.example");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets),
		cmocka_unit_test(settings),
		cmocka_unit_test(rules),
		cmocka_unit_test(hosts_of_a_setting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
