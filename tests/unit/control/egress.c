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
	assert_int_equal(egress_parse("192.0.2.7", &r, &err), 0);
	assert_true(r.addr == 0xc0000207 && r.bits == 32 && r.port == 0 && r.range == 9);
	assert_int_equal(egress_parse("10.0.0.0/8:53", &r, &err), 0);
	assert_true(r.addr == 0x0a000000 && r.bits == 8 && r.port == 53);
	assert_int_equal(egress_parse("0.0.0.0/0", &r, &err), 0);
	assert_true(r.addr == 0 && r.bits == 0);
	static const char *const bad[] = {
		"",         "host",       "192.0.2", "192.0.2.7/33", "1.2.3.4:0",   "1.2.3.4:65536",
		"1.2.3.4:", "10.1.0.0/8", "::1",     "1.2.3.4/8/8",  "1.2.3.4 } x", "1.2.3.4/"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(egress_parse(bad[i], &r, &err), -1);
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
	assert_int_equal(egress_add(&p, 5, "none", &err), 0);
	assert_int_equal(egress_add(&p, 6, "allow 10.0.0.0/8 10.1.0.0/16 192.0.2.7:443", &err), 0);
	assert_int_equal(p.n_closed, 2);
	assert_int_equal(p.n_rules, 2);
	assert_int_equal(policy_check(&p, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets),
		cmocka_unit_test(settings),
		cmocka_unit_test(rules),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
