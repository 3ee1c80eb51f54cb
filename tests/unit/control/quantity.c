// SPDX-License-Identifier: MIT
#include "control/quantity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static const struct quantity size = {"a size", 1024, 1ull << 40, QUANTITY_MIB};
static const struct quantity cores = {"cores", 10, 64000, QUANTITY_CORES};
static const struct quantity count = {"a number", 2, 100, 1};

static void gives(const struct quantity *q, const char *value, unsigned long long want)
{
	struct error err = ERROR_INIT;
	unsigned long long n = 0;

	if (quantity_parse(q, "it", value, &n, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(n, want);
}

static void refuses(const struct quantity *q, const char *value)
{
	struct error err = ERROR_INIT;
	unsigned long long n = 7;

	assert_int_equal(quantity_parse(q, "it", value, &n, &err), -1);
	assert_int_equal(n, 7);
	assert_non_null(strstr(err.message, q->form));
}

static void test_sizes(void **state)
{
	(void)state;
	gives(&size, "1", 1 << 20);
	gives(&size, "2048b", 2048);
	gives(&size, "3K", 3 << 10);
	gives(&size, "512m", 512 << 20);
	gives(&size, "2G", 2ull << 30);
	static const char *const bad[] = {"",
					  "m",
					  "-1",
					  "1.5g",
					  "1 g",
					  "1gb",
					  "0",
					  "1kk",
					  "2t",
					  "1025g",
					  "99999999999999999999",
					  "18446744073709551615g"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refuses(&size, bad[i]);
}

static void test_cores(void **state)
{
	(void)state;
	gives(&cores, "1", 1000);
	gives(&cores, "0.5", 500);
	gives(&cores, "0.01", 10);
	gives(&cores, "1.125", 1125);
	gives(&cores, "64.000", 64000);
	gives(&cores, "0", 0);
	static const char *const bad[] = {"",       ".",  "0.009", "1.", "1.2345",
					  "64.001", "-1", "1,5",   "1m", "65"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refuses(&cores, bad[i]);
}

static void test_counts(void **state)
{
	(void)state;
	gives(&count, "2", 2);
	gives(&count, "100", 100);
	refuses(&count, "1");
	refuses(&count, "101");
	refuses(&count, "3k");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_cores),
		cmocka_unit_test(test_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
