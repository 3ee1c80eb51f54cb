/* SPDX-License-Identifier: MIT */
/* What is said of who may reach whom, on its way to the root process and to the kernel. */
#include "runtime/policy.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/cleanup.h"

static void there_and_back(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	_cleanup_policy_ struct policy p = POLICY_INIT, q = POLICY_INIT;
	_cleanup_strbuf_ struct strbuf bytes = STRBUF_INIT, nft = STRBUF_INIT;
	policy_add_link(&p, 1, 2);
	policy_add_link(&p, 2, 1);
	policy_add_closed(&p, 2);
	policy_add_rule(&p, &(struct policy_rule){2, 0x0a000000, 8, 0});
	policy_add_rule(&p, &(struct policy_rule){2, 0xc0000201, 32, 443});
	assert_int_equal(policy_encode(&p, &bytes, &err), 0);
	assert_int_equal(policy_decode(&q, bytes.data, bytes.len, &err), 0);
	policy_write_nft(&q, "t", &nft);
	assert_string_equal(nft.data, "flush set inet t links\n"
				      "add element inet t links {1 . 2,2 . 1,}\n"
				      "flush set inet t closed\n"
				      "add element inet t closed {2,}\n"
				      "flush set inet t nets\n"
				      "add element inet t nets {2 . 10.0.0.0/8,}\n"
				      "flush set inet t ports\n"
				      "add element inet t ports {2 . 192.0.2.1/32 . 443,}\n");
	for (size_t len = 0; len < bytes.len; len++) {
		_cleanup_policy_ struct policy cut = POLICY_INIT;
		assert_int_equal(policy_decode(&cut, bytes.data, len, &err), -1);
	}
}

/* The kernel refuses intervals that overlap in one of its sets. */
static void rules_within_rules(void **state)
{
	(void)state;
	_cleanup_policy_ struct policy p = POLICY_INIT;
	policy_add_rule(&p, &(struct policy_rule){2, 0x0a010000, 16, 0});
	policy_add_rule(&p, &(struct policy_rule){2, 0x0a020300, 24, 0});
	policy_add_rule(&p, &(struct policy_rule){2, 0x0a010200, 24, 53});
	policy_add_rule(&p, &(struct policy_rule){3, 0x0a010200, 24, 0});
	assert_int_equal(p.n_rules, 4);
	policy_add_rule(&p, &(struct policy_rule){2, 0x0a010203, 32, 0});
	assert_int_equal(p.n_rules, 4);
	policy_add_rule(&p, &(struct policy_rule){2, 0x0a000000, 8, 0});
	assert_int_equal(p.n_rules, 3);
	policy_add_rule(&p, &(struct policy_rule){2, 0, 0, 53});
	assert_int_equal(p.n_rules, 3);
}

static void refused(void **state)
{
	(void)state;
	static const struct policy_rule bad[] = {
		{2, 0x0a000001, 8, 0}, {2, 0, 33, 0}, {2, 0, 0, 65536}, {3, 0, 0, 0}, {0, 0, 0, 0}};
	static const struct policy_link pairs[] = {{0, 1}, {1, 4096}, {1, 2}};
	struct error err = ERROR_INIT;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_policy_ struct policy p = POLICY_INIT;
		policy_add_closed(&p, 2);
		policy_add_rule(&p, &bad[i]);
		assert_int_equal(policy_check(&p, &err), -1);
	}
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		_cleanup_policy_ struct policy p = POLICY_INIT;
		policy_add_link(&p, 1, 2);
		policy_add_link(&p, pairs[i].from, pairs[i].to);
		assert_int_equal(policy_check(&p, &err), -1);
	}
	_cleanup_policy_ struct policy many = POLICY_INIT;
	for (uint32_t i = 0; i <= POLICY_MAX_LINKS; i++)
		policy_add_link(&many, 1 + i / 4000, 1 + i % 4000);
	assert_int_equal(policy_check(&many, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(rules_within_rules),
		cmocka_unit_test(refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
