/* SPDX-License-Identifier: MIT */
/* The log of a database that is held stays, and goes back into it at the end. */
#include "control/dbhold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/control/fixture.h"

static int setup(void **state)
{
	struct fixture *f = fixture_make("");
	/* who holds it must not have it open */
	context_close(&f->c);
	*state = f;
	return 0;
}

/* As a command does, in a process of its own; gives whether it could. */
static bool make_app(struct fixture *f, const char *name)
{
	int status = 1;
	pid_t pid = fork();
	if (pid == 0) {
		struct error err = ERROR_INIT;
		struct context c = {.identity = "anna"};
		_exit(context_open(&c, &f->inst, &err) == 0 &&
				      app_create(&c.db, name, &f->app, &err) == 0
			      ? (context_close(&c), 0)
			      : 1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static ino_t file_of(const struct fixture *f, const char *name)
{
	_cleanup_free_ char *path = instance_lib(&f->inst, "%s", name);
	struct stat st;
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

static void test_without(void **state)
{
	struct fixture *f = *state;
	assert_true(make_app(f, "one"));
	assert_int_equal(file_of(f, "berth.db-wal"), 0);
	assert_int_equal(file_of(f, "berth.db-shm"), 0);
}

static void test_held(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	struct dbhold hold = DBHOLD_INIT;
	assert_true(make_app(f, "one"));
	ino_t whole = file_of(f, "berth.db");
	assert_int_equal(dbhold_take(&hold, &f->inst, &err), 0);
	ino_t log = file_of(f, "berth.db-wal"), index = file_of(f, "berth.db-shm");
	assert_true(log > 0 && index > 0);
	/* each sees what the one before did: a name is taken once */
	assert_true(make_app(f, "two"));
	assert_false(make_app(f, "two"));
	assert_true(make_app(f, "three"));
	assert_int_equal(file_of(f, "berth.db-wal"), log);
	assert_int_equal(file_of(f, "berth.db-shm"), index);
	dbhold_release(&hold, &f->inst);
	assert_int_equal(file_of(f, "berth.db"), whole);
	assert_int_equal(file_of(f, "berth.db-wal"), 0);
	assert_int_equal(file_of(f, "berth.db-shm"), 0);
	assert_false(make_app(f, "three"));
}

/* Nothing is held, and nothing stays open. */
static void test_missing(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	struct dbhold hold = DBHOLD_INIT;
	_cleanup_free_ char *path = instance_lib(&f->inst, "berth.db");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(dbhold_take(&hold, &f->inst, &err), -1);
	assert_non_null(strstr(err.message, "berth.db"));
	assert_int_equal(hold.db, -1);
	dbhold_release(&hold, &f->inst);
	assert_int_equal(file_of(f, "berth.db"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_without, setup, fixture_drop),
		cmocka_unit_test_setup_teardown(test_held, setup, fixture_drop),
		cmocka_unit_test_setup_teardown(test_missing, setup, fixture_drop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
