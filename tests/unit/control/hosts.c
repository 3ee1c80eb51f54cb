/* SPDX-License-Identifier: MIT */
/* What is remembered of the hosts that egress policies name. */
#include "control/hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "tests/unit/control/fixture.h"

#define NOW 1000000

static struct hosts three(void)
{
	static char a[] = "a.example", b[] = "b.example";
	static struct host list[] = {{b, 3, NOW - HOSTS_KEEP_S - 1}, {a, 1, NOW - 60}, {a, 2, NOW}};
	return (struct hosts){list, ARRAY_SIZE(list)};
}

static void merges_and_forgets(void **state)
{
	_cleanup_hosts_ struct hosts h = HOSTS_INIT;
	_cleanup_strvec_ struct strvec kept = STRVEC_INIT;
	struct hosts other = three();
	(void)state;
	hosts_merge(&h, &other);
	hosts_merge(&h, &other);
	assert_int_equal(h.n, 3);
	assert_true(hosts_equal(&h, &other));
	strvec_push(&kept, "a.example");
	strvec_push(&kept, "b.example");
	/* b was last seen too long ago; the latest sight of a comes first */
	hosts_trim(&h, &kept, NOW);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.list[0].addr, 2);
	assert_int_equal(h.list[1].addr, 1);
	assert_false(hosts_equal(&h, &other));
	assert_false(hosts_equal(&other, &h));
	/* seen again */
	other.list[1].seen = NOW + 1;
	hosts_merge(&h, &other);
	other.list[1].seen = NOW - 60;
	hosts_trim(&h, &kept, NOW + HOSTS_KEEP_S + 1);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.list[0].addr, 1);
	/* no policy names it any more */
	kept.v[0][0] = 'c';
	hosts_trim(&h, &kept, NOW);
	assert_int_equal(h.n, 0);
}

static void bounds_a_name(void **state)
{
	_cleanup_hosts_ struct hosts h = HOSTS_INIT;
	_cleanup_strvec_ struct strvec kept = STRVEC_INIT;
	(void)state;
	strvec_push(&kept, "a.example");
	for (uint32_t i = 0; i < HOSTS_MAX_ADDRESSES + 6; i++) {
		struct host one = {(char[]){"a.example"}, i, NOW + (int64_t)i};
		hosts_merge(&h, &(struct hosts){&one, 1});
	}
	hosts_trim(&h, &kept, NOW);
	assert_int_equal(h.n, HOSTS_MAX_ADDRESSES);
	assert_int_equal(h.list[0].addr, HOSTS_MAX_ADDRESSES + 5);
}

static void there_and_back(void **state)
{
	const struct fixture *f = *state;
	const struct instance *inst = &f->inst;
	struct hosts other = three();
	_cleanup_hosts_ struct hosts h = HOSTS_INIT;
	struct error err = ERROR_INIT;
	assert_int_equal(hosts_read(&h, inst, &err), 0);
	assert_int_equal(h.n, 0);
	assert_int_equal(hosts_write(&other, inst, &err), 0);
	assert_int_equal(hosts_read(&h, inst, &err), 0);
	assert_int_equal(h.n, 3);
	assert_string_equal(h.list[0].name, "b.example");
	assert_int_equal(h.list[0].addr, 3);
	assert_int_equal(h.list[0].seen, NOW - HOSTS_KEEP_S - 1);
}

static void looks_up(void **state)
{
	_cleanup_hosts_ struct hosts h = HOSTS_INIT;
	struct error err = ERROR_INIT;
	(void)state;
	assert_int_equal(hosts_look_up(&h, "localhost", &err), 0);
	assert_true(h.n >= 1);
	assert_int_equal(h.list[0].addr, 0x7f000001);
	assert_int_equal(hosts_look_up(&h, "no-such-host.invalid", &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
}

static int set_up(void **state)
{
	*state = fixture_make("");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merges_and_forgets),
		cmocka_unit_test(bounds_a_name),
		cmocka_unit_test_setup_teardown(there_and_back, set_up, fixture_drop),
		cmocka_unit_test(looks_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
