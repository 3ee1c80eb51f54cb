/* SPDX-License-Identifier: MIT */
#include "plugins/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
/* after the three that it needs */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "plugins/index.h"
#include "plugins/request.h"

static int parse(struct manifest *m, const char *text, struct error *err)
{
	return manifest_parse(m, text, strlen(text), "plugin.yml", err);
}

static void test_good(void **state)
{
	_cleanup_manifest_ struct manifest m;
	struct error err = ERROR_INIT;

	(void)state;
	manifest_init(&m);
	if (parse(&m,
		  "# a comment\nname: chatty\nversion: 1.0\ndescription: >\n  folded\n  text\n"
		  "timeout: 20\ncommands:\n  on: {args: APP, help: 'it''s on', timeout: 5}\n"
		  "  off: {}\ntriggers:\n  - pre-build\n  - post-deploy\nsettings:\n"
		  "  room: {default: \"a b\", help: where}\n",
		  &err) < 0)
		fail_msg("%s", err.message);
	assert_string_equal(m.name, "chatty");
	assert_string_equal(m.version, "1.0");
	assert_string_equal(m.description, "folded text");
	assert_int_equal(m.timeout, 20);
	assert_int_equal(m.n_commands, 2);
	assert_string_equal(m.commands[0].help, "it's on");
	assert_int_equal(m.commands[0].timeout, 5);
	assert_string_equal(m.commands[1].args, "");
	assert_int_equal(m.triggers.n, 2);
	assert_string_equal(m.settings[0].fallback, "a b");
}

static void test_bad(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"", "plugin.yml:1: the file is empty"},
		{"- a\n", "plugin.yml:1: expected"},
		{"name: x\n", "'version' is needed"},
		{"version: 1\n", "'name' is needed"},
		{"name: ../x\nversion: 1\n", "'name' is needed"},
		{"name: -x\nversion: 1\n", "'name' is needed"},
		{"name: x\nname: y\nversion: 1\n", "plugin.yml:2: 'name' is given twice"},
		{"name: x\nversion: 1\ncolour: red\n", "plugin.yml:3: unknown key 'colour'"},
		{"name: &a x\nversion: *a\n", "plugin.yml:1: anchors"},
		{"name: x\nversion: *a\n", "plugin.yml:2: aliases"},
		{"name: !!str x\nversion: 1\n", "plugin.yml:1: anchors and tags"},
		{"name: x\nversion: 1\n---\nname: y\n", "only one document"},
		{"name: x\nversion: 1\ndescription: \"a\\x1b[31m\"\n",
		 "plugin.yml:3: a value must"},
		{"name: x\nversion: 1\ndescription: \"a\\u009b\"\n", "plugin.yml:3: a value must"},
		{"name: x\nversion: 1\ndescription: |\n  a\n  b\n", "a value must be one line"},
		{"name: x\nversion: 1\ncommands: [a]\n", "'commands' must be a mapping"},
		{"name: x\nversion: 1\ncommands:\n  A: {}\n",
		 "plugin.yml:4: 'A' is no command name"},
		{"name: x\nversion: 1\ncommands:\n  a: {}\n  a: {}\n",
		 "command 'a' is given twice"},
		{"name: x\nversion: 1\ncommands:\n  a: {run: rm}\n", "unknown key 'run'"},
		{"name: x\nversion: 1\ntriggers: [post-dploy]\n", "unknown trigger 'post-dploy'"},
		{"name: x\nversion: 1\ntriggers: [pre-build, pre-build]\n", "is given twice"},
		{"name: x\nversion: 1\ntimeout: 0\n", "number of seconds from 1"},
		{"name: x\nversion: 1\ntimeout: 1e3\n", "number of seconds from 1"},
		{"name: [x\n", "plugin.yml:"},
		{"name: x\nversion: 1\ntriggers: {}\n", "'triggers' must be a list"},
		{"\xff\xfe\x00", "plugin.yml:"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_manifest_ struct manifest m;
		struct error err = ERROR_INIT;

		manifest_init(&m);
		assert_int_equal(parse(&m, cases[i].text, &err), -1);
		if (!strstr(err.message, cases[i].want))
			fail_msg("case %zu: '%s' has no '%s'", i, err.message, cases[i].want);
		assert_null(m.name);
	}
}

static void test_bounds(void **state)
{
	_cleanup_manifest_ struct manifest m;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	manifest_init(&m);
	strbuf_addstr(&text, "name: x\nversion: 1\ncommands:\n");
	for (int i = 0; i < MANIFEST_MAX_COMMANDS + 1; i++)
		strbuf_addf(&text, "  c%d: {}\n", i);
	assert_int_equal(parse(&m, text.data, &err), -1);
	assert_non_null(strstr(err.message, "more than 64 commands"));
	strbuf_reset(&text);
	strbuf_addstr(&text, "name: x\nversion: 1\ndescription: ");
	for (int i = 0; i < MANIFEST_TEXT_MAX + 1; i++)
		strbuf_addch(&text, 'x');
	assert_int_equal(parse(&m, text.data, &err), -1);
	assert_non_null(strstr(err.message, "longer than 1024"));
	for (int i = 0; i < MANIFEST_FILE_MAX; i++)
		strbuf_addch(&text, 'x');
	assert_int_equal(parse(&m, text.data, &err), -1);
	assert_non_null(strstr(err.message, "longer than 65536"));
}

static void test_index(void **state)
{
	_cleanup_plugin_index_ struct plugin_index index = PLUGIN_INDEX_INIT,
						   back = PLUGIN_INDEX_INIT;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT, again = STRBUF_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct plugin_entry *e = plugin_index_add(&index);

		e->bundled = i;
		assert_int_equal(parse(&e->manifest,
				       i ? "name: a\nversion: 1\n"
					 : "name: b\nversion: 2\ntimeout: 3\ncommands:\n"
					   "  on: {args: APP, help: h, timeout: 4}\ntriggers: "
					   "[pre-build]\nsettings:\n  k: {default: v}\n",
				       &err),
				 0);
	}
	plugin_index_sort(&index);
	plugin_index_format(&index, &text);
	assert_int_equal(plugin_index_parse(&back, text.data, &err), 0);
	plugin_index_format(&back, &again);
	assert_string_equal(text.data, again.data);
	assert_string_equal(back.entries[0].manifest.name, "a");
	assert_true(back.entries[0].bundled);
	assert_non_null(plugin_index_find(&back, "b"));
	assert_null(plugin_index_find(&back, "c"));
	assert_int_equal(plugin_index_parse(&back, "berth-plugins 2\n", &err), -1);
	assert_int_equal(plugin_index_parse(&back, "berth-plugins 1\nT\tx\n", &err), -1);
	assert_int_equal(plugin_index_parse(&back, "berth-plugins 1\nP\t../x\t1\t0\t0\t\n", &err),
			 -1);
}

/* What request_encode wrote, with CHANGE made to it, does not decode. */
static void expect_refused(const struct strbuf *wire, size_t at, unsigned char value)
{
	_cleanup_strbuf_ struct strbuf bad = STRBUF_INIT;
	_cleanup_request_ struct request r;
	struct request_head head;
	struct error err = ERROR_INIT;

	request_init(&r);
	strbuf_add(&bad, wire->data, wire->len);
	bad.data[at] = (char)value;
	memcpy(&head, bad.data, sizeof(head));
	if (head.bytes > bad.len - sizeof(head))
		return;
	assert_int_equal(request_decode(&r, &head, bad.data + sizeof(head), &err), -1);
}

static void test_request(void **state)
{
	_cleanup_request_ struct request r, back;
	_cleanup_strbuf_ struct strbuf wire = STRBUF_INIT;
	struct request_head head;
	struct error err = ERROR_INIT;

	(void)state;
	request_init(&r);
	request_init(&back);
	r.kind = REQUEST_TRIGGER;
	r.plugin = xstrdup("chatty");
	r.entry = xstrdup("pre-build");
	r.seconds = 60;
	strvec_push(&r.args, "");
	strvec_push(&r.args, "two\nlines");
	strvec_push(&r.env, "BERTH_APP=hello");
	assert_int_equal(request_encode(&r, &wire, &err), 0);
	memcpy(&head, wire.data, sizeof(head));
	assert_int_equal(request_decode(&back, &head, wire.data + sizeof(head), &err), 0);
	assert_string_equal(back.args.v[0], "");
	assert_string_equal(back.args.v[1], "two\nlines");
	assert_string_equal(back.env.v[0], "BERTH_APP=hello");
	expect_refused(&wire, 0, 0);              /* magic */
	expect_refused(&wire, 4, 9);              /* version */
	expect_refused(&wire, 6, 3);              /* kind */
	expect_refused(&wire, 8, 3);              /* argc: the variable as an argument */
	expect_refused(&wire, sizeof(head), '.'); /* the plugin's name */
	expect_refused(&wire, wire.len - 1, 'x'); /* no NUL at the end */
	strvec_push(&r.env, "LD_PRELOAD=/x");
	assert_int_equal(request_encode(&r, &wire, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),    cmocka_unit_test(test_bad),
		cmocka_unit_test(test_bounds),  cmocka_unit_test(test_index),
		cmocka_unit_test(test_request),
	};

	return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
