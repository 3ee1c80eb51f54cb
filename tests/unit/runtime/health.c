/* SPDX-License-Identifier: MIT */
#include "runtime/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

static struct spec_health spec = {.interval_ms = 30000, .timeout_ms = 1000, .retries = 3};
static struct container_status status;
static struct health health;

static void begin(void)
{
	strvec_release(&spec.test);
	strvec_push(&spec.test, "true");
	memset(&status, 0, sizeof(status));
	health_init(&health, &spec, &status);
	health_begin(&health);
}

/* A check that printed TEXT and ended with CODE (negative: by that signal), as if a real one had
 * run. */
static bool check(int code, const char *text)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(write(ends[1], text, strlen(text)), strlen(text));
	health.pid = fork();
	if (health.pid == 0) {
		if (code < 0)
			kill(getpid(), -code);
		_exit(code);
	}
	health.pidfd = (int)syscall(SYS_pidfd_open, health.pid, 0);
	health.output = ends[0];
	health.tail_len = health.read = 0;
	close(ends[1]);
	return health_take(&health);
}

/* As if it had started that long ago. */
static void lived(int64_t ms)
{
	health.started_ms = clock_ms() - ms;
}

static void test_states(void **state)
{
	(void)state;
	begin();
	assert_int_equal(status.health, HEALTH_STARTING);
	assert_false(check(1, "connection refused\n"));
	assert_int_equal(status.health_failures, 1);
	assert_string_equal(status.health_text, "connection refused");
	/* often, but not for as long as three intervals */
	for (int i = 0; i < 10; i++)
		assert_false(check(1, ""));
	assert_int_equal(status.health, HEALTH_STARTING);
	assert_true(check(0, "ok"));
	assert_int_equal(status.health, HEALTH_HEALTHY);
	assert_int_equal(status.health_failures, 0);
	assert_false(check(1, ""));
	assert_false(check(-SIGALRM, ""));
	assert_int_equal(status.health_exit, HEALTH_TIMED_OUT);
	assert_true(check(2, ""));
	assert_int_equal(status.health, HEALTH_UNHEALTHY);
	assert_int_equal(status.health_exit, 2);
	assert_false(check(2, ""));
	assert_true(check(0, ""));
	assert_int_equal(status.health, HEALTH_HEALTHY);
	assert_int_equal(status.health_checks, 17);
	health_end(&health);
	assert_int_equal(status.health, HEALTH_NONE);
	assert_int_equal(health_next(&health), 0);
}

static void test_start(void **state)
{
	(void)state;
	spec.start_period_ms = 60000;
	begin();
	for (int i = 0; i < 5; i++) {
		lived(50000); /* each time: the checks take some, too */
		assert_false(check(1, ""));
	}
	assert_int_equal(status.health_failures, 0);
	/* as late as one that is checked every interval after the start period */
	for (int i = 0; i < 5; i++) {
		lived(60000 + 80000);
		assert_false(check(1, ""));
	}
	assert_int_equal(status.health_failures, 5);
	lived(60000 + 91000);
	assert_true(check(1, ""));
	assert_int_equal(status.health, HEALTH_UNHEALTHY);
	health_end(&health);
	spec.start_period_ms = 0;
}

static void test_pauses(void **state)
{
	int64_t pause = HEALTH_FIRST_MS, before;

	(void)state;
	begin();
	for (int i = 0; i < 8; i++) {
		check(1, "");
		pause = pause * 2 < HEALTH_SOON_MS ? pause * 2 : HEALTH_SOON_MS;
		assert_int_equal(health.pause_ms, pause);
		assert_true(health_next(&health) <= clock_ms() + pause);
	}
	before = clock_ms();
	check(0, "");
	assert_true(health_next(&health) >= before + 30000);
	/* whatever the image says */
	spec.interval_ms = 1;
	before = clock_ms();
	check(0, "");
	assert_true(health_next(&health) >= before + HEALTH_LEAST_MS);
	spec.interval_ms = 30000;
	health_end(&health);
}

static void test_text(void **state)
{
	char large[2000];

	(void)state;
	begin();
	check(0, "first\nthe \033[1mlast\tone\r\n\n \n");
	assert_string_equal(status.health_text, "the  [1mlast one");
	memset(large, 'x', sizeof(large));
	memcpy(large + sizeof(large) - 10, "\nthe end\n", 10);
	check(0, large);
	assert_string_equal(status.health_text, "the end");
	large[sizeof(large) - 10] = 'x';
	check(0, large);
	assert_int_equal(strlen(status.health_text), sizeof(status.health_text) - 1);
	check(0, "");
	assert_string_equal(status.health_text, "");
	health_end(&health);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_pauses),
		cmocka_unit_test(test_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
