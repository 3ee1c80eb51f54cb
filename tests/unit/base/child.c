/* SPDX-License-Identifier: MIT */
/* Child processes. */
#include "base/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

static int run(struct child *c, struct strbuf *out, struct error *err)
{
	c->capture = out;
	c->capture_err = out;
	return child_run(c, err);
}

static void test_output(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct strbuf out = STRBUF_INIT;
	_cleanup_child_ struct child c;
	child_init(&c);
	child_args(&c, "sh", "-c", "cat; echo \"$KEY\"; echo oops >&2", NULL);
	strvec_push(&c.env, "KEY=value with ' quote");
	c.input = "in ";
	c.input_len = 3;
	assert_int_equal(run(&c, &out, &err), 0);
	assert_string_equal(out.data, "in value with ' quote\noops\n");
	strbuf_release(&out);
}

static void test_environment_is_clean(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct strbuf out = STRBUF_INIT;
	_cleanup_child_ struct child c;
	child_init(&c);
	setenv("SECRET_OF_THE_PARENT", "1", 1);
	child_args(&c, "env", NULL);
	assert_int_equal(run(&c, &out, &err), 0);
	assert_null(strstr(out.data, "SECRET_OF_THE_PARENT"));
	assert_non_null(strstr(out.data, "PATH="));
	strbuf_release(&out);
}

static void test_descriptors_are_closed(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct strbuf out = STRBUF_INIT;
	_cleanup_child_ struct child c;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	child_init(&c);
	child_args(&c, "sh", "-c", "ls /proc/self/fd | wc -l", NULL);
	assert_int_equal(run(&c, &out, &err), 0);
	/* 0, 1, 2 and the one that ls reads the folder with */
	assert_string_equal(out.data, "4\n");
	close(fd);
	strbuf_release(&out);
}

static void test_failures(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct strbuf out = STRBUF_INIT;
	struct child c;
	child_init(&c);
	child_args(&c, "no-such-program-here", NULL);
	assert_int_equal(child_run(&c, &err), -1);
	assert_non_null(strstr(err.message, "no-such-program-here"));
	child_release(&c);
	child_init(&c);
	child_args(&c, "/bin/true", NULL);
	c.cwd = "/no/such/folder";
	assert_int_equal(child_run(&c, &err), -1);
	assert_non_null(strstr(err.message, "change folder"));
	child_release(&c);
	child_init(&c);
	child_args(&c, "sh", "-c", "echo first; echo the reason >&2; exit 3", NULL);
	assert_int_equal(run(&c, &out, &err), -1);
	assert_non_null(strstr(err.message, "(3): the reason"));
	child_release(&c);
	strbuf_release(&out);
}

static void test_timeout(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	_cleanup_child_ struct child c;
	child_init(&c);
	child_args(&c, "sleep", "60", NULL);
	c.timeout_ms = 50;
	assert_int_equal(child_run(&c, &err), -1);
	assert_int_equal(err.code, ERROR_TIMEOUT);
	assert_true(c.timed_out);
	assert_int_equal(c.pid, -1);
}

static void test_release_kills(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct child c;
	child_init(&c);
	child_args(&c, "sleep", "60", NULL);
	assert_int_equal(child_start(&c, &err), 0);
	pid_t pid = c.pid;
	child_release(&c);
	/* reaped: not even a zombie is left */
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output),   cmocka_unit_test(test_environment_is_clean),
		cmocka_unit_test(test_failures), cmocka_unit_test(test_descriptors_are_closed),
		cmocka_unit_test(test_timeout),  cmocka_unit_test(test_release_kills),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
