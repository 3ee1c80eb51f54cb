/* SPDX-License-Identifier: MIT */
#include "buildpacks/procfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/strbuf.h"

static void good(struct procfile *pf, const char *text)
{
	struct error err = ERROR_INIT;
	if (procfile_parse(pf, text, strlen(text), &err) < 0)
		fail_msg("'%s': %s", text, err.message);
}

static void bad_bytes(const char *text, size_t len, const char *part)
{
	_cleanup_procfile_ struct procfile pf = PROCFILE_INIT;
	struct error err = ERROR_INIT;
	assert_int_equal(procfile_parse(&pf, text, len, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_int_equal(pf.n, 0);
	if (!strstr(err.message, part))
		fail_msg("'%s' is not in '%s'", part, err.message);
}

static void bad(const char *text, const char *part)
{
	bad_bytes(text, strlen(text), part);
}

static void test_plain(void **state)
{
	_cleanup_procfile_ struct procfile pf = PROCFILE_INIT;
	(void)state;
	good(&pf,
	     "# comment\n\nweb: node server.js --port $PORT\nworker_2:  ./w  \n  # more\nA-b:x: y");
	assert_int_equal(pf.n, 3);
	assert_string_equal(pf.entries[0].type, "web");
	assert_string_equal(procfile_command(&pf, "web"), "node server.js --port $PORT");
	assert_int_equal(pf.entries[0].line, 3);
	assert_string_equal(procfile_command(&pf, "worker_2"), "./w");
	assert_string_equal(procfile_command(&pf, "A-b"), "x: y");
	assert_null(procfile_command(&pf, "clock"));
}

static void test_encodings(void **state)
{
	_cleanup_procfile_ struct procfile pf = PROCFILE_INIT, bytes = PROCFILE_INIT;
	(void)state;
	good(&pf, "\xef\xbb\xbfweb: caf\xc3\xa9\r\nworker: b\r\n\r\n");
	assert_string_equal(procfile_command(&pf, "web"), "caf\xc3\xa9");
	assert_string_equal(procfile_command(&pf, "worker"), "b");
	good(&bytes, "web: echo \xff\xfe\tx");
	assert_string_equal(procfile_command(&bytes, "web"), "echo \xff\xfe\tx");
}

static void test_errors(void **state)
{
	(void)state;
	bad("web: a\nnonsense\n", "line 2: expected 'TYPE: COMMAND'");
	bad("web node\n", "line 1: expected");
	bad("we b: x\n", "line 1: expected");
	bad(": x\n", "line 1: expected");
	bad("web:\n", "line 1: 'web' has no command");
	bad("web: a\n\nweb: b\n", "line 3: 'web' is declared already in line 1");
	bad("web: a\rb\n", "line 1: has the control character 0x0d");
	bad("web: \x1b[2J\n", "control character 0x1b");
	bad_bytes("web: a\0b\n", 9, "line 1: has a NUL byte");
}

static void test_limits(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	(void)state;
	for (int i = 0; i < 64; i++)
		strbuf_addch(&sb, 'w');
	strbuf_addstr(&sb, ": x\n");
	bad(sb.data, "at most 63");
	strbuf_reset(&sb);
	strbuf_addstr(&sb, "web: ");
	for (int i = 0; i < 1 << 20; i++)
		strbuf_addch(&sb, 'x');
	bad(sb.data, "line 1: is 1048581 bytes long, at most 65536");
	strbuf_reset(&sb);
	for (int i = 0; i < 129; i++)
		strbuf_addf(&sb, "t%d: x\n", i);
	bad(sb.data, "line 129: at most 128");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_encodings),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
