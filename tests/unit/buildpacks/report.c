/* SPDX-License-Identifier: MIT */
#include "buildpacks/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/strbuf.h"

static int parse(struct report *r, const char *text, struct error *err)
{
	return report_parse(r, text, strlen(text), err);
}

static void bad(const char *text, const char *part)
{
	_cleanup_report_ struct report r = REPORT_INIT;
	struct error err = ERROR_INIT;
	assert_int_equal(parse(&r, text, &err), -1);
	if (!strstr(err.message, part))
		fail_msg("'%s' is not in '%s'", part, err.message);
}

static void add(struct strbuf *sb, const char *kind, int pack, const char *data)
{
	strbuf_addf(sb, "%s %d %zu\n%s", kind, pack, strlen(data), data);
}

static void test_records(void **state)
{
	_cleanup_report_ struct report r = REPORT_INIT;
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct error err = ERROR_INIT;
	(void)state;
	add(&sb, "detect", 0, "Node.js\n");
	add(&sb, "release", 0, "default_process_types:\n  web: npm start\n");
	add(&sb, "release", 1, "--- {}\n");
	add(&sb, "procfile", 0, "web: ./a");
	add(&sb, "whole", 0, "");
	add(&sb, "failed", 1, "compile 77");
	if (parse(&r, sb.data, &err) < 0)
		fail_msg("%s", err.message);
	assert_string_equal(r.title, "Node.js");
	assert_string_equal(strvec_getenv(&r.defaults.types, "web"), "npm start");
	assert_true(r.whole);
	assert_true(r.has_procfile);
	assert_string_equal(procfile_command(&r.procfile, "web"), "./a");
	assert_string_equal(r.failed_step, "compile");
	assert_int_equal(r.failed_status, 77);
	assert_int_equal(r.failed_pack, 1);
}

static void test_hostile(void **state)
{
	(void)state;
	bad("detect", "not readable");
	bad("detect 0 5\nabc", "not readable");
	bad("detect 0 -1\n", "not readable");
	bad("detect 0 18446744073709551616\n", "not readable");
	bad("nonsense 0 0\n", "not readable");
	bad("failed 0 3\nabc", "not readable");
	bad("release 0 3\n- a", "bin/release: must be a mapping");
	bad("procfile 0 3\nabc", "Procfile line 1");
}

static void test_title_is_clean(void **state)
{
	_cleanup_report_ struct report r = REPORT_INIT;
	struct error err = ERROR_INIT;
	(void)state;
	assert_int_equal(parse(&r, "detect 0 11\nA\x1b[31mB\nCDE", &err), 0);
	assert_string_equal(r.title, "A?[31mB");
}

static void release_bad(const char *text, const char *part)
{
	_cleanup_defaults_ struct defaults r = DEFAULTS_INIT;
	struct error err = ERROR_INIT;
	assert_int_equal(defaults_parse(&r, text, strlen(text), &err), -1);
	if (!strstr(err.message, part))
		fail_msg("'%s' is not in '%s'", part, err.message);
}

static void test_release(void **state)
{
	_cleanup_defaults_ struct defaults r = DEFAULTS_INIT;
	struct error err = ERROR_INIT;
	static const char text[] = "---\naddons: [x]\nconfig_vars:\n  A: b=c\n"
				   "default_process_types:\n  web: 'x: y'\n  worker: \"w\"\n";
	(void)state;
	assert_int_equal(defaults_parse(&r, text, strlen(text), &err), 0);
	assert_string_equal(strvec_getenv(&r.env, "A"), "b=c");
	assert_string_equal(strvec_getenv(&r.types, "web"), "x: y");
	assert_int_equal(r.types.n, 2);
	assert_int_equal(defaults_parse(&r, "", 0, &err), 0);
	assert_int_equal(defaults_parse(&r, "default_process_types:\n", 23, &err), 0);
	release_bad("a: [", "line ");
	release_bad("default_process_types: [a]", "must be a mapping");
	release_bad("default_process_types:\n  web: [a]", "must map names to texts");
	release_bad("default_process_types:\n  w b: a", "default_process_types");
	release_bad("default_process_types:\n  web: \"a\\nb\"", "one line");
	release_bad("config_vars:\n  A-B: a", "config_vars");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_title_is_clean),
		cmocka_unit_test(test_release),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
