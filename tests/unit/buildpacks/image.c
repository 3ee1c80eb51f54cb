/* SPDX-License-Identifier: MIT */
/* Images, and the other things that the builder writes below an instance. */
#include "runtime/image.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "buildpacks/outcome.h"
#include "buildpacks/stage.h"

static int setup(void **state)
{
	struct instance *inst = xcalloc(1, sizeof(*inst));
	char template[] = "/var/tmp/berth-unit-XXXXXX";
	assert_non_null(mkdtemp(template));
	inst->root = xstrdup(template);
	inst->lib = xasprintf("%s/lib", template);
	inst->run = xasprintf("%s/run", template);
	*state = inst;
	return 0;
}

static int teardown(void **state)
{
	struct instance *inst = *state;
	assert_int_equal(file_remove_tree(AT_FDCWD, inst->root, NULL), 0);
	free(inst->root);
	free(inst->lib);
	free(inst->run);
	free(inst);
	return 0;
}

static void fill(struct image *im)
{
	image_init(im);
	strvec_push(&im->layers, "layer/a");
	strvec_push(&im->layers, "source/b");
	strvec_push(&im->env, "A=b c");
	strvec_push(&im->packs, "procfile");
	image_add_process(im, "web", "./caf\xc3\xa9 \"$PORT\"");
	image_add_process(im, "worker", "bytes \xff\xfe\x80");
	im->tree = xstrdup("b");
	im->builder = xstrdup("buildpacks");
}

static void test_round_trip(void **state)
{
	struct instance *inst = *state;
	_cleanup_image_ struct image im, again, loaded;
	struct error err = ERROR_INIT;
	fill(&im);
	fill(&again);
	image_init(&loaded);
	if (image_save(inst, &im, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(strlen(im.id), 32);
	assert_int_equal(image_save(inst, &again, &err), 0);
	assert_string_equal(again.id, im.id);
	if (image_load(inst, im.id, &loaded, &err) < 0)
		fail_msg("%s", err.message);
	assert_string_equal(loaded.id, im.id);
	assert_int_equal(loaded.layers.n, 2);
	assert_string_equal(loaded.layers.v[1], "source/b");
	assert_string_equal(image_command(&loaded, "web"), "./caf\xc3\xa9 \"$PORT\"");
	assert_string_equal(image_command(&loaded, "worker"), "bytes \xff\xfe\x80");
	assert_null(image_command(&loaded, "clock"));
	assert_string_equal(loaded.env.v[0], "A=b c");
	assert_string_equal(loaded.tree, "b");
	image_add_process(&again, "clock", "x");
	assert_int_equal(image_save(inst, &again, &err), 0);
	assert_string_not_equal(again.id, im.id);
}

static void test_load_errors(void **state)
{
	struct instance *inst = *state;
	_cleanup_image_ struct image im;
	struct error err = ERROR_INIT;
	image_init(&im);
	assert_int_equal(image_load(inst, "0123", &im, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(image_load(inst, "../x", &im, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
}

/* What the launcher does, with its /app replaced by a folder of the test. */
static void launch(const char *app, const char *command, struct strbuf *out)
{
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	_cleanup_child_ struct child c;
	struct error err = ERROR_INIT;
	image_launch_argv(command, &argv);
	child_init(&c);
	for (size_t i = 0; i < argv.n; i++) {
		_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
		for (const char *s = argv.v[i]; *s;) {
			const char *rest = str_skip(s, "/app");
			strbuf_addstr(&sb, rest ? app : "");
			if (!rest)
				strbuf_addch(&sb, *s);
			s = rest ? rest : s + 1;
		}
		strvec_push(&c.argv, sb.data);
	}
	strvec_push(&c.env, "PORT=5000");
	c.capture = out;
	if (child_run(&c, &err) < 0)
		fail_msg("%s", err.message);
}

static void test_launch(void **state)
{
	struct instance *inst = *state;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_free_ char *profile_d = xasprintf("%s/.profile.d", inst->root);
	static const char *const files[][2] = {{".profile.d/b.sh", "X=$X-b\n"},
					       {".profile.d/a.sh", "export X=a\n"},
					       {".profile.d/no.txt", "X=wrong\n"},
					       {".profile", "X=$X-profile\n"}};
	launch(inst->root, "echo none $PORT && echo two | cat", &out);
	assert_string_equal(out.data, "none 5000\ntwo\n");
	assert_int_equal(mkdir(profile_d, 0755), 0);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", inst->root, files[i][0]);
		assert_int_equal(
			file_replace(AT_FDCWD, path, files[i][1], strlen(files[i][1]), 0644, NULL),
			0);
	}
	strbuf_reset(&out);
	launch(inst->root, "A='q r' printenv X A", &out);
	assert_string_equal(out.data, "a-b-profile\nq r\n");
}

static void test_outcome(void **state)
{
	struct instance *inst = *state;
	_cleanup_outcome_ struct outcome o = OUTCOME_INIT, loaded = OUTCOME_INIT;
	struct error err = ERROR_INIT;
	assert_int_equal(outcome_load(inst, "key", &loaded, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	o.layer = xstrdup("deps-1");
	o.title = xstrdup("Node.js");
	o.whole = true;
	strvec_push(&o.defaults.types, "web=x = y");
	assert_int_equal(outcome_save(inst, "key", &o, &err), 0);
	assert_int_equal(outcome_load(inst, "key", &loaded, &err), 0);
	assert_string_equal(loaded.layer, "deps-1");
	assert_string_equal(strvec_getenv(&loaded.defaults.types, "web"), "x = y");
	assert_true(loaded.whole);
}

static void test_stage(void **state)
{
	struct instance *inst = *state;
	struct error err = ERROR_INIT;
	_cleanup_free_ char *stale = NULL;
	_cleanup_strvec_ struct strvec config = STRVEC_INIT;
	strvec_push(&config, "A=1\n2");
	strvec_push(&config, "EMPTY=");
	{
		_cleanup_stage_ struct stage a = STAGE_INIT, b = STAGE_INIT;
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
		if (stage_make(inst, &a, &err) < 0 || stage_add_env(&a, &config, &err) < 0)
			fail_msg("%s", err.message);
		_cleanup_free_ char *file = xasprintf("%s/A", a.folder);
		assert_int_equal(file_read(AT_FDCWD, file, 100, &text, &err), 0);
		assert_string_equal(text.data, "1\n2");
		/* one whose process was killed goes, one that is in use stays */
		stale = xasprintf("%s/lib/stage/build-stale", inst->root);
		assert_int_equal(mkdir(stale, 0700), 0);
		assert_int_equal(stage_make(inst, &b, &err), 0);
		assert_false(file_exists(AT_FDCWD, stale));
		assert_true(file_exists(AT_FDCWD, a.folder));
		free(stale);
		stale = xstrdup(a.folder);
	}
	assert_false(file_exists(AT_FDCWD, stale));
	_cleanup_stage_ struct stage c = STAGE_INIT;
	strvec_push(&config, "../x=1");
	assert_int_equal(stage_make(inst, &c, &err), 0);
	assert_int_equal(stage_add_env(&c, &config, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_load_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_launch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_outcome, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stage, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
