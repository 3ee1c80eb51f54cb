/* SPDX-License-Identifier: MIT */
#include "buildpacks/project.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void good(struct project *p, const char *text)
{
	struct error err = ERROR_INIT;
	if (project_parse(p, text, strlen(text), &err) < 0)
		fail_msg("'%s': %s", text, err.message);
}

static void bad(const char *text, const char *part)
{
	_cleanup_project_ struct project p = PROJECT_INIT;
	struct error err = ERROR_INIT;
	assert_int_equal(project_parse(&p, text, strlen(text), &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	if (!strstr(err.message, part))
		fail_msg("'%s' is not in '%s'", part, err.message);
}

static void test_groups(void **state)
{
	_cleanup_project_ struct project p = PROJECT_INIT;
	(void)state;
	good(&p, "[[io.buildpacks.group]]\nid = 'heroku/nodejs'\nversion = '1'\n"
		 "[[io.buildpacks.group]]\nexec-env = ['test']\nid = 'only/test'\n"
		 "[[io.buildpacks.group]]\nuri = 'https://example.com/p.git#v2'\noptional = true\n"
		 "[[io.buildpacks.group]]\nuri = './packs/mine/'\n"
		 "[[io.buildpacks.group]]\nuri = 'urn:cnb:builder:heroku/go@1.0'\n"
		 "[[io.buildpacks.group]]\nid = 'me/x'\nscript = {api = '0.10', inline = 'true'}\n"
		 "[[io.buildpacks.post.group]]\nid = 'last'\n");
	assert_int_equal(p.group.n, 5);
	assert_string_equal(p.group.v[0].name, "heroku/nodejs");
	assert_false(p.group.v[0].optional);
	assert_string_equal(p.group.v[1].name, "https://example.com/p.git#v2");
	assert_true(p.group.v[1].optional);
	assert_string_equal(p.group.v[2].name, "./packs/mine");
	assert_string_equal(p.group.v[3].name, "heroku/go");
	assert_null(p.group.v[3].script);
	/* the row in the file, not in what is left of it */
	assert_string_equal(p.group.v[4].script, "io.buildpacks.group.5");
	assert_int_equal(p.pre.n, 0);
	assert_string_equal(p.post.v[0].name, "last");
}

static void test_older_schemas(void **state)
{
	_cleanup_project_ struct project p = PROJECT_INIT, q = PROJECT_INIT;
	(void)state;
	good(&p, "[build]\nbuilder = 'b'\ninclude = ['*.go']\n[[build.buildpacks]]\nid = 'go'\n"
		 "[[build.env]]\nname = 'A'\nvalue = 'b=c'\n");
	assert_string_equal(p.group.v[0].name, "go");
	assert_string_equal(p.env.v[0], "A=b=c");
	assert_string_equal(p.builder, "b");
	assert_true(p.filtered);
	good(&q,
	     "[[io.buildpacks.build.env]]\nname = 'A'\nvalue = '1'\n"
	     "[[io.buildpacks.env.build]]\nname = 'A'\nvalue = '2'\n[[build.env]]\nname = 'B'\n");
	assert_int_equal(q.env.n, 1);
	assert_string_equal(q.env.v[0], "A=2");
	assert_false(q.filtered);
}

static void test_refusals(void **state)
{
	(void)state;
	bad("a = [", "project.toml: line 1");
	bad("io = 1", "'io' must be a table");
	bad("[io.buildpacks]\ngroup = 1", "'io.buildpacks.group' must be an array of tables");
	bad("[io.buildpacks]\ngroup = [1]", "must be an array of tables");
	bad("[io.buildpacks]\ninclude = ['a']\nexclude = ['b']", "it may have one");
	bad("[io.buildpacks]\ninclude = [1]", "'io.buildpacks.include' must be a list of texts");
	bad("[io.buildpacks]\nbuilder = 1", "'io.buildpacks.builder' must be text");
	bad("[[io.buildpacks.group]]", "'io.buildpacks.group.0' has neither id nor uri");
	bad("[[io.buildpacks.group]]\nid = 1", "'io.buildpacks.group.0.id' must be text");
	bad("[[io.buildpacks.group]]\nuri = 'a'\nversion = '1'", "a uri says it with #TAG");
	bad("[[io.buildpacks.group]]\nuri = '../a'", "is no folder of the app");
	bad("[[io.buildpacks.group]]\nuri = 'docker://a'", "an image or an entry of a registry");
	bad("[[io.buildpacks.group]]\nid = 'a'\noptional = 1", "must be true or false");
	bad("[[io.buildpacks.group]]\nid = 'a'\nscript = {inline = 'x'}", "with inline and api");
	bad("[[io.buildpacks.group]]\nid = 'a b'\nscript = {inline = 'x', api = '0.10'}",
	    "'io.buildpacks.group.0.id' must be letters");
	bad("[[io.buildpacks.group]]\nid = './a'", "an address is a uri");
	bad("[[build.env]]\nname = 'A B'\nvalue = ''", "project.toml");
	bad("[[build.env]]\nname = 'A'", "tables with a name and a value");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_older_schemas),
		cmocka_unit_test(test_refusals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
