/* SPDX-License-Identifier: MIT */
/* Signals to the members of a group, in folders that look like one: whoever has a member's number
 * and is no member gets none. What was sent is seen among the blocked signals of proc(5). */
#include "runtime/cgfile.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"

#define MANY 150 /* more than are held at a time */

static struct fixture {
	char path[64];
	int dir;
	pid_t children[MANY];
	unsigned n;
} fx;

static int set_up(void **state)
{
	(void)state;
	fx.n = 0;
	snprintf(fx.path, sizeof(fx.path), "/tmp/berth-cgfile.XXXXXX");
	if (!mkdtemp(fx.path))
		return -1;
	fx.dir = open(fx.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fx.dir < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (unsigned i = 0; i < fx.n; i++) {
		kill(fx.children[i], SIGKILL);
		waitpid(fx.children[i], NULL, 0);
	}
	unlinkat(fx.dir, "cgroup.procs", 0);
	close(fx.dir);
	return rmdir(fx.path);
}

/* One that waits, with SIGUSR1 blocked; SESSION: in one of its own. */
static pid_t child(bool session)
{
	sigset_t set, before;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &before);
	int ready[2];
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (session)
			setsid();
		close(ready[0]);
		close(ready[1]);
		for (;;)
			pause();
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(ready[1]);
	/* until it has closed its end: its session is what it will be */
	char byte;
	assert_int_equal(read(ready[0], &byte, 1), 0);
	close(ready[0]);
	assert_true(pid > 0);
	fx.children[fx.n++] = pid;
	return pid;
}

static bool was_told(pid_t pid)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	assert_int_equal(file_read(AT_FDCWD, path, 65536, &text, NULL), 0);
	const char *pending = strstr(text.data, "\nShdPnd:");
	assert_non_null(pending);
	return strtoull(pending + 8, NULL, 16) & (1ull << (SIGUSR1 - 1));
}

static void list(const char *text)
{
	assert_int_equal(file_replace(fx.dir, "cgroup.procs", text, strlen(text), 0600, NULL), 0);
}

static void list_children(void)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	for (unsigned i = 0; i < fx.n; i++)
		strbuf_addf(&text, "%d\n", fx.children[i]);
	list(text.data);
}

static void tells_every_member(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		child(false);
	list_children();
	assert_int_equal(cgfile_signal(fx.dir, 0, SIGUSR1), MANY);
	for (unsigned i = 0; i < MANY; i++)
		assert_true(was_told(fx.children[i]));
}

static void tells_one_session_alone(void **state)
{
	(void)state;
	pid_t other = child(false), leader = child(true);
	list_children();
	assert_int_equal(cgfile_signal(fx.dir, leader, SIGUSR1), 1);
	assert_true(was_told(leader));
	assert_false(was_told(other));
}

/* The number is read, and its process ends and is another's before it is held: what the second look
 * sees no more. A pipe has the first list, and while that is being read a file takes its name. */
static void tells_no_stranger(void **state)
{
	(void)state;
	_cleanup_free_ char *path = xasprintf("%s/cgroup.procs", fx.path);
	pid_t pid = child(false);
	char text[32];
	int len = snprintf(text, sizeof(text), "%d\n", pid), status = 1;
	assert_int_equal(mkfifo(path, 0600), 0);
	pid_t feeder = fork();
	if (feeder == 0) {
		int fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || file_replace(fx.dir, "cgroup.procs", "", 0, 0600, NULL) < 0)
			_exit(1);
		_exit(write(fd, text, (size_t)len) != len);
	}
	assert_int_equal(cgfile_signal(fx.dir, 0, SIGUSR1), 1);
	assert_int_equal(waitpid(feeder, &status, 0), feeder);
	assert_int_equal(status, 0);
	assert_false(was_told(pid));
}

static void survives_what_is_no_number(void **state)
{
	(void)state;
	pid_t pid = child(false);
	_cleanup_free_ char *text = xasprintf("x\n0\n-1\n1\n\n99999999999999999999\n%d\n", pid);
	assert_int_equal(cgfile_signal(fx.dir, 0, SIGUSR1), 0);
	list(text);
	assert_int_equal(cgfile_signal(fx.dir, 0, SIGUSR1), 1);
	assert_true(was_told(pid));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tells_every_member, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tells_one_session_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tells_no_stranger, set_up, tear_down),
		cmocka_unit_test_setup_teardown(survives_what_is_no_number, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("cgfile", tests, NULL, NULL);
}
