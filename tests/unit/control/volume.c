// SPDX-License-Identifier: MIT
#include "control/volume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void gives(const char *text, const char *name, const char *path, bool read_only)
{
	struct volume_mount m = {0};
	struct error err = ERROR_INIT;

	if (volume_parse(text, &m, &err) < 0)
		fail_msg("%s", err.message);
	assert_string_equal(m.volume, name);
	assert_string_equal(m.path, path);
	assert_int_equal(m.read_only, read_only);
	volume_mount_release(&m);
}

static void refuses(const char *text, const char *why)
{
	struct volume_mount m = {0};
	struct error err = ERROR_INIT;

	assert_int_equal(volume_parse(text, &m, &err), -1);
	assert_null(m.volume);
	if (!strstr(err.message, why))
		fail_msg("'%s' does not say '%s'", err.message, why);
}

static void test_good(void **state)
{
	(void)state;
	gives("data:/app/data", "data", "/app/data", false);
	gives("my.data-2_x:/app/data/:ro", "my.data-2_x", "/app/data", true);
	gives("d:/x:rw", "d", "/x", false);
	gives("d:/.hidden/..data/a..b", "d", "/.hidden/..data/a..b", false);
	gives("d:/application", "d", "/application", false);
	gives("d:/etc/app", "d", "/etc/app", false);
	gives("d:/devices", "d", "/devices", false);
	gives("d:/var/lib/postgresql/data", "d", "/var/lib/postgresql/data", false);
}

static void test_bad(void **state)
{
	(void)state;
	refuses("", "NAME:/PATH");
	refuses("data", "NAME:/PATH");
	refuses(":/x", "no name");
	refuses("Data:/x", "no name");
	refuses("../x:/x", "no name");
	refuses("a..b:/x", "no name");
	refuses("/srv/data:/x", "volumes have names");
	refuses("d:", "absolute path");
	refuses("d:x", "absolute path");
	refuses("d:/a/../b", "absolute path");
	refuses("d:/..", "absolute path");
	refuses("d:/a/.", "absolute path");
	refuses("d://a", "absolute path");
	refuses("d:/a//b", "absolute path");
	refuses("d:/a\nb", "absolute path");
	refuses("d:/a:rx", "'ro' or 'rw'");
	refuses("d:/a:ro:z", "'ro' or 'rw'");
	refuses("d:/", "such as /data");
	refuses("d:/app", "such as /app/data");
	refuses("d:/app/", "such as /app/data");
	refuses("d:/proc", "/proc");
	refuses("d:/proc/sys/kernel", "/proc");
	refuses("d:/sys/fs", "/sys");
	refuses("d:/dev/shm", "/dev");
	refuses("d:/etc", "would hide");
	refuses("d:/etc/hosts", "mounted at /etc/hosts: choose another");
	refuses("d:/etc/resolv.conf/x", "mounted at /etc/resolv.conf");
	char text[1100] = "d:/";
	memset(text + 3, 'x', sizeof(text) - 4);
	refuses(text, "absolute path");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
