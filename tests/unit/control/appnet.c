/* SPDX-License-Identifier: MIT */
/* What berthd notes of the networks, on a database of its own and without berth-runtime. */
#include "control/appnet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "control/egress.h"
#include "control/hosts.h"
#include "tests/unit/control/fixture.h"

static int setup(void **state)
{
	struct fixture *f = fixture_make("");
	struct error err = ERROR_INIT;
	assert_int_equal(app_create(&f->c.db, "one", &f->app, &err), 0);
	*state = f;
	return 0;
}

/* Or a minute later it would be nothing new, and the rules would never learn of it. */
static void test_unsent_is_not_noted(void **state)
{
	static char gone[] = "gone.example.test", kept[] = "kept.example.test";
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	int64_t now = clock_unix_us() / 1000000;
	struct host list[] = {{kept, 1, now}, {gone, 2, now}};
	const struct hosts before = {list, ARRAY_SIZE(list)};
	_cleanup_hosts_ struct hosts after = HOSTS_INIT;
	assert_int_equal(
		setting_set(&f->c.db, f->app.id, EGRESS_KEY, "allow kept.example.test:443", &err),
		0);
	assert_int_equal(hosts_write(&before, &f->inst, &err), 0);
	assert_int_equal(appnet_apply(&f->c, &err), -1);
	assert_non_null(strstr(err.message, "runtime.sock"));
	assert_int_equal(hosts_read(&after, &f->inst, &err), 0);
	assert_true(hosts_equal(&before, &after));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_unsent_is_not_noted, setup, fixture_drop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
