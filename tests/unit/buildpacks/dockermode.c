/* SPDX-License-Identifier: MIT */
/* Modes as chmod(1) itself makes them. */
#include "buildpacks/dockermode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

static const char *const good[] = {
	"0",   "7",       "755", "0644", "4755", "u+x",   "go-w",    "a=rX",
	"+x",  "+X",      "-x",  "+w",   "=",    "=r",    "a=",      "u=rwX,go=rX",
	"g=u", "o=g-w",   "u+s", "g+s",  "+t",   "a+t",   "ug+rw-x", "u=rwxs,g=rx,o=",
	"g-s", "u=g,o+x", "o=u", "-w",   "-r",   "a-x+X", "=rwx",    "uo=r+w",
};

/* What chmod(1) makes of a file or folder with MODE, under the umask of builds. */
static mode_t really(const char *text, const char *path, mode_t mode)
{
	struct stat st;
	int status;

	assert_int_equal(chmod(path, mode), 0);
	pid_t pid = fork();
	if (pid == 0) {
		umask(022);
		/* it says so when the umask keeps something back */
		if (!freopen("/dev/null", "w", stderr))
			_exit(126);
		execlp("chmod", "chmod", "--", text, path, NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void same_as_chmod(void **state)
{
	static const mode_t modes[] = {0644, 0755, 0600, 0, 07777, 02710, 0111};
	char folder[] = "/tmp/berth-mode.XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(folder));
	_cleanup_free_ char *file = xasprintf("%s/file", folder);
	FILE *f = fopen(file, "w");
	assert_non_null(f);
	fclose(f);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		size_t at;
		if (docker_mode_check(good[i], &at))
			fail_msg("'%s' is refused", good[i]);
		for (size_t k = 0; k < ARRAY_SIZE(modes); k++) {
			mode_t made = docker_mode_apply(good[i], modes[k], false);
			mode_t wanted = really(good[i], file, modes[k]);
			if (made != wanted)
				fail_msg("file %o %s: %o, not %o", modes[k], good[i], made, wanted);
			/* a number leaves a folder's set-id bits to chmod(1), but is all here */
			if (good[i][0] >= '0' && good[i][0] <= '9')
				continue;
			made = docker_mode_apply(good[i], modes[k], true);
			_cleanup_free_ char *sub = xasprintf("%s/sub", folder);
			assert_int_equal(mkdir(sub, 0700), 0);
			wanted = really(good[i], sub, modes[k]);
			rmdir(sub);
			if (made != wanted)
				fail_msg("folder %o %s: %o, not %o", modes[k], good[i], made,
					 wanted);
		}
	}
	unlink(file);
	rmdir(folder);
}

static void refused(void **state)
{
	static const struct {
		const char *text;
		size_t at;
	} bad[] = {{"", 0},     {"9", 0},    {"758", 2},  {"00755", 4}, {"75 ", 2},
		   {"u", 1},    {"u+x,", 4}, {",u+x", 0}, {"u+xg", 3},  {"u+z", 2},
		   {"u+gx", 3}, {"rwx", 0},  {"+755", 1}, {"u +x", 1},  {"a=rX;o-w", 4}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		size_t at = 99;
		if (!docker_mode_check(bad[i].text, &at))
			fail_msg("'%s' is taken", bad[i].text);
		assert_int_equal(at, bad[i].at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_as_chmod),
		cmocka_unit_test(refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
