/* SPDX-License-Identifier: MIT */
#include "runtime/identity.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "\n"
			     "short:x\n"
			     "app:x:1000:1001:,,,:/home/app:/bin/sh\n"
			     "123:x:77:78::/numeric:/bin/sh\n"
			     "nohome:x:5:5::relative:/bin/sh\n"
			     "big:x:70000:1::/:/bin/sh\n"
			     "odd:x:12a:1::/:/bin/sh\n"
			     "last:x:9:9::/last:/bin/false";
static const char group[] = "root:x:0:root\n"
			    "wheel:x:10:root,app\n"
			    "app:x:1001:\n"
			    "video:x:44:xapp,app,appx\n"
			    "audio:x:63:xapp\n"
			    "huge:x:99999:app\n";

static int file_of(const char *text, size_t len)
{
	int fd = memfd_create("f", MFD_CLOEXEC);
	assert_int_equal(write(fd, text, len), len);
	return fd;
}

static int look_up(const char *user, struct identity *out)
{
	_cleanup_close_ int p = file_of(passwd, strlen(passwd)), g = file_of(group, strlen(group));
	assert_true(identity_is_user(user));
	return identity_find(user, p, g, out);
}

static void names_and_numbers(void **state)
{
	(void)state;
	struct identity id;
	assert_int_equal(look_up("", &id), 0);
	assert_int_equal(id.uid, 0);
	assert_string_equal(id.home, "/root");
	assert_int_equal(id.n_groups, 2);
	assert_int_equal(look_up("app", &id), 0);
	assert_int_equal(id.uid, 1000);
	assert_int_equal(id.gid, 1001);
	assert_string_equal(id.home, "/home/app");
	assert_int_equal(id.n_groups, 2);
	assert_int_equal(id.groups[0], 10);
	assert_int_equal(id.groups[1], 44);
	/* a number is looked up too, and one that is not there is in group 0 */
	assert_int_equal(look_up("1000", &id), 0);
	assert_int_equal(id.gid, 1001);
	assert_int_equal(look_up("4711", &id), 0);
	assert_int_equal(id.uid, 4711);
	assert_int_equal(id.gid, 0);
	assert_string_equal(id.home, "");
	/* a name comes before a number */
	assert_int_equal(look_up("123", &id), 0);
	assert_int_equal(id.uid, 77);
	/* the group that is given replaces all others */
	assert_int_equal(look_up("app:video", &id), 0);
	assert_int_equal(id.gid, 44);
	assert_int_equal(id.n_groups, 0);
	assert_int_equal(look_up("app:5", &id), 0);
	assert_int_equal(id.gid, 5);
	assert_int_equal(look_up("nohome", &id), 0);
	assert_string_equal(id.home, "");
	assert_int_equal(look_up("last", &id), 0);
	assert_int_equal(id.uid, 9);
}

static void what_is_refused(void **state)
{
	(void)state;
	struct identity id;
	assert_int_equal(look_up("nobody", &id), ENOENT);
	assert_int_equal(look_up("short", &id), ENOENT);
	assert_int_equal(look_up("odd", &id), ENOENT);
	assert_int_equal(look_up("app:none", &id), ENOENT);
	assert_int_equal(look_up("big", &id), ERANGE);
	assert_int_equal(look_up("65536", &id), ERANGE);
	assert_int_equal(look_up("99999999999999999999", &id), ERANGE);
	assert_int_equal(look_up("65535:65535", &id), 0);
	assert_int_equal(identity_find("app", -1, -1, &id), ENOENT);
	assert_int_equal(identity_find("7:8", -1, -1, &id), 0);
	static const char *const bad[] = {":",  "a:",   ":a",    "a b", "a\n",
					  "-a", "a:-b", "a:b:c", "a/b"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(identity_is_user(bad[i]));
}

/* Lines past what is kept are passed over, and do not hide those behind them. */
static void long_lines(void **state)
{
	(void)state;
	struct identity id;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	for (size_t i = 0; i < 10000; i++)
		strbuf_addstr(&text, "app:x:1:1:");
	strbuf_addstr(&text, "\nroot:x:0:0::/root:\napp:x:1000:1000::/home/app:\n");
	_cleanup_close_ int p = file_of(text.data, text.len);
	assert_int_equal(identity_find("app", p, -1, &id), 0);
	assert_int_equal(id.uid, 1000);
	/* and a file without an end is not read for ever */
	strbuf_reset(&text);
	for (size_t i = 0; i < 200000; i++)
		strbuf_addstr(&text, "a:x:1:1:::\n");
	strbuf_addstr(&text, "late:x:2:2:::\n");
	_cleanup_close_ int big = file_of(text.data, text.len);
	assert_int_equal(identity_find("late", big, -1, &id), ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_numbers),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(long_lines),
	};
	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
