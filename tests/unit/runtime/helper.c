/* SPDX-License-Identifier: MIT */
/* The helper clones as it is told, with what it made ahead, and a failure of either is told. */
#include "runtime/helper.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "ahead"

static int name_it(void *data)
{
	(void)data;
	return unshare(CLONE_NEWUTS) < 0 ? -1 : sethostname(NAME, strlen(NAME));
}

static int fail_to(void *data)
{
	(void)data;
	errno = EDOM;
	return -1;
}

static pid_t fail_to_clone(void *data)
{
	(void)data;
	errno = ERANGE;
	return -1;
}

/* The child's status says whether it is in the namespace with NAME. */
static pid_t clone_child(void *data)
{
	struct clone_args args = {.flags = CLONE_PARENT};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	char name[16] = "";

	(void)data;
	if (pid == 0) {
		gethostname(name, sizeof(name));
		syscall(SYS_exit_group, strcmp(name, NAME) == 0);
	}
	return pid;
}

static int run_child(int (*ahead)(void *), pid_t (*clone_init)(void *))
{
	struct helper h = HELPER_INIT;
	struct error err = ERROR_INIT;
	int status;

	assert_int_equal(helper_start(&h, NULL, &err), 0);
	if (ahead)
		assert_int_equal(helper_go_ahead(&h, ahead, NULL, &err), 0);
	pid_t pid = helper_clone(&h, clone_init, NULL);
	int why = errno;
	assert_int_equal(h.pid, 0);
	if (pid < 0)
		return -why;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void clones(void **state)
{
	(void)state;
	assert_int_equal(run_child(NULL, clone_child), 0);
	assert_int_equal(run_child(name_it, clone_child), 1);
	assert_int_equal(run_child(fail_to, clone_child), -EDOM);
	assert_int_equal(run_child(name_it, fail_to_clone), -ERANGE);
	assert_int_equal(run_child(NULL, fail_to_clone), -ERANGE);
}

static void can_be_given_up(void **state)
{
	(void)state;
	struct helper h = HELPER_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(helper_start(&h, NULL, &err), 0);
	assert_int_equal(helper_go_ahead(&h, name_it, NULL, &err), 0);
	helper_release(&h);
	assert_int_equal(h.pid, 0);
	assert_int_equal(waitpid(-1, NULL, 0), -1);
	assert_int_equal(errno, ECHILD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clones),
		cmocka_unit_test(can_be_given_up),
	};
	return cmocka_run_group_tests_name("helper", tests, NULL, NULL);
}
