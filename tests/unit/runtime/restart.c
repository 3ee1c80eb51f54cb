/* SPDX-License-Identifier: MIT */
#include "runtime/restart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct restart make(enum spec_restart policy, uint32_t max)
{
	struct container_spec spec;
	struct restart r;

	container_spec_init(&spec);
	spec.restart = policy;
	spec.restart_max = max;
	restart_init(&r, &spec);
	return r;
}

static void test_backoff(void **state)
{
	static const int64_t want[] = {0,     1000,  2000,   4000,   8000,   16000,
				       32000, 64000, 128000, 256000, 300000, 300000};
	struct restart r = make(SPEC_RESTART_ALWAYS, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_int_equal(restart_after(&r, true, 10), want[i]);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(restart_after(&r, true, 10), 300000);
	assert_int_equal(restart_after(&r, true, RESTART_FORGET_MS), 0);
	assert_int_equal(restart_after(&r, true, 10), 1000);
}

static void test_on_failure(void **state)
{
	struct restart r = make(SPEC_RESTART_ON_FAILURE, 2);

	(void)state;
	assert_int_equal(restart_after(&r, false, 10), -1);
	assert_int_equal(restart_after(&r, true, 10), 0);
	assert_int_equal(restart_after(&r, true, 10), 1000);
	assert_int_equal(restart_after(&r, true, 10), -1);
	/* a long life makes it forget */
	assert_int_equal(restart_after(&r, true, RESTART_FORGET_MS), 0);
	r = make(SPEC_RESTART_ON_FAILURE, 0);
	for (int i = 0; i < RESTART_DEFAULT_MAX; i++)
		assert_true(restart_after(&r, true, 10) >= 0);
	assert_int_equal(restart_after(&r, true, 10), -1);
}

static void test_never(void **state)
{
	struct restart r = make(SPEC_RESTART_NO, 5);

	(void)state;
	assert_int_equal(restart_after(&r, true, 10), -1);
	assert_int_equal(restart_after(&r, false, RESTART_FORGET_MS), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_backoff),
					   cmocka_unit_test(test_on_failure),
					   cmocka_unit_test(test_never)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
