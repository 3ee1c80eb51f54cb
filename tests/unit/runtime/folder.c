/* SPDX-License-Identifier: MIT */
/* Ids are unique, and free again while the last one's folder is going. */
#include "runtime/folder.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "runtime/roster.h"
#include "runtime/status.h"
#include "tests/unit/runtime/instance.h"

static void put_status(int folder, enum container_state state)
{
	struct container_status s = {.id = "x", .state = state, .shim = getpid()};
	struct error err = ERROR_INIT;
	assert_int_equal(status_write(folder, &s, &err), 0);
}

static void one_at_a_time(void **state)
{
	_cleanup_close_ int folder = -1;
	int second = -1;
	struct error err = ERROR_INIT;
	(void)state;
	assert_int_equal(folder_make(&fx.inst, "x", &folder, &err), 0);
	put_status(folder, CONTAINER_RUNNING);
	assert_int_equal(folder_make(&fx.inst, "x", &second, &err), -1);
	assert_int_equal(err.code, ERROR_EXISTS);
	folder_remove(&fx.inst, "x", folder);
}

/* One that goes takes its status away before its folder, also when that says that it runs. */
static void one_that_goes_is_waited_for(void **state)
{
	_cleanup_close_ int folder = -1, next = -1;
	struct error err = ERROR_INIT;
	(void)state;
	assert_int_equal(folder_make(&fx.inst, "x", &folder, &err), 0);
	put_status(folder, CONTAINER_RUNNING);
	folder_end(folder);
	pid_t pid = fork();
	if (pid == 0) {
		clock_sleep_ms(50);
		folder_remove(&fx.inst, "x", folder);
		_exit(0);
	}
	assert_int_equal(folder_make(&fx.inst, "x", &next, &err), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	folder_remove(&fx.inst, "x", next);
}

static void count(struct container_status *s, void *data)
{
	unsigned *n = data;
	assert_string_equal(s->id, "x");
	*n |= 1u << s->state;
}

static unsigned states(void)
{
	unsigned n = 0;
	struct error err = ERROR_INIT;
	assert_int_equal(roster_each(&fx.inst, "", count, &n, &err), 0);
	return n;
}

/* While its folder stays it is no container any more, but its name is its own. */
static void one_that_has_ended_is_not_listed(void **state)
{
	_cleanup_close_ int folder = -1;
	struct error err = ERROR_INIT;
	(void)state;
	assert_int_equal(folder_make(&fx.inst, "x", &folder, &err), 0);
	assert_int_equal(states(), 1u << CONTAINER_STARTING);
	put_status(folder, CONTAINER_EXITED);
	assert_int_equal(states(), 1u << CONTAINER_EXITED);
	folder_end(folder);
	assert_int_equal(states(), 0);
	assert_int_equal(roster_claim(&fx.inst, "x"), ROSTER_ALIVE);
	/* some seconds later nobody can be about to remove it: cleanup may */
	const struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	assert_int_equal(futimens(folder, old), 0);
	assert_int_equal(states(), 0);
	assert_int_equal(roster_claim(&fx.inst, "x"), ROSTER_NOTHING);
	folder_remove(&fx.inst, "x", folder);
	assert_int_equal(roster_claim(&fx.inst, "x"), ROSTER_GONE);
}

static int open_fixture(void **state)
{
	char path[128];
	(void)state;
	if (fixture_open(&fx) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/run/containers", fx.root);
	return mkdir(path, 0755);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(one_that_goes_is_waited_for),
		cmocka_unit_test(one_that_has_ended_is_not_listed),
	};
	return cmocka_run_group_tests_name("folder", tests, open_fixture, fixture_tear_down);
}
