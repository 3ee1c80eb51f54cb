/* SPDX-License-Identifier: MIT */
/* Documents of container images: what is taken, what is refused, and how an image then starts. */
#include "runtime/ocidoc.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/strbuf.h"
#include "runtime/parcel.h"

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define CONFIG(members)                                                                            \
	"{\"architecture\": \"amd64\", \"os\": \"linux\", \"rootfs\": {\"type\": \"layers\", "     \
	"\"diff_ids\": [\"sha256:" HEX "\"]}, \"config\": {" members "}}"

static int read_config(const char *text, struct image *im, struct error *err)
{
	_cleanup_strvec_ struct strvec ids = STRVEC_INIT;
	error_clear(err);
	image_init(im);
	return ocidoc_config(text, strlen(text), im, &ids, err);
}

static void starts_as_it_says(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	_cleanup_image_ struct image im;
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	int result = read_config(
		CONFIG("\"User\": \"app:1000\", \"WorkingDir\": \"/srv/x/\", \"Cmd\": [\"$HOME\", "
		       "\"\"], \"Entrypoint\": [\"/bin/a b\"], \"Env\": [\"A=1\", \"NOVALUE\"], "
		       "\"ExposedPorts\": {\"9000/tcp\": {}, \"80/udp\": {}, \"443\": {}}, "
		       "\"StopSignal\": \"SIGQUIT\", \"Labels\": {\"b\": \"2\", \"a\": \"1\"}, "
		       "\"Healthcheck\": {\"Test\": [\"NONE\"], \"Interval\": 5}, \"New\": 1"),
		&im, &err);
	if (result < 0)
		fail_msg("%s", err.message);
	assert_true(im.container);
	assert_string_equal(im.config.user, "app:1000");
	assert_string_equal(im.config.cwd, "/srv/x");
	assert_int_equal(im.env.n, 1);
	assert_int_equal(image_config_port(&im.config), 443);
	assert_int_equal(image_config_signal(im.config.stop_signal), SIGQUIT);
	assert_string_equal(im.config.labels.v[0], "a=1");
	assert_int_equal(im.config.health.interval, 5);
	image_set_program(&im);
	image_argv(&im, image_command(&im, "web"), &argv);
	assert_int_equal(argv.n, 3);
	assert_string_equal(argv.v[0], "/bin/a b");
	assert_string_equal(argv.v[1], "$HOME");
	strvec_release(&argv);
	image_argv(&im, "echo $HOME", &argv);
	assert_string_equal(argv.v[0], "/bin/sh");
	assert_string_equal(argv.v[2], "echo $HOME");
}

static void signals(void **state)
{
	(void)state;
	assert_int_equal(image_config_signal("SIGTERM"), SIGTERM);
	assert_int_equal(image_config_signal("HUP"), SIGHUP);
	assert_int_equal(image_config_signal("9"), SIGKILL);
	assert_int_equal(image_config_signal("SIGRTMIN+3"), 37);
	static const char *const none[] = {"",        "0",           "65",    "SIG",
					   "sigterm", "SIGRTMIN+31", "SIGNAL"};
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		assert_int_equal(image_config_signal(none[i]), 0);
}

static void what_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *why;
	} bad[] = {
		{"", "image configuration"},
		{"[]", "no list of layers"},
		{"{\"rootfs\": {\"type\": \"layers\", \"diff_ids\": [\"sha256:abc\"]}}", "diff_id"},
		{"{\"rootfs\": {\"type\": \"layers\", \"diff_ids\": [\"sha512:" HEX "\"]}}",
		 "diff_id"},
		{"{\"os\": \"windows\", \"rootfs\": {\"type\": \"layers\", \"diff_ids\": []}}",
		 "for windows"},
		{CONFIG("\"Cmd\": [1]"), "'Cmd'"},
		{CONFIG("\"Env\": [\"=x\"]"), "'Env'"},
		{CONFIG("\"User\": \"a b\""), "'User'"},
		{CONFIG("\"User\": 5"), "'User'"},
		{CONFIG("\"WorkingDir\": \"x\""), "'WorkingDir'"},
		{CONFIG("\"WorkingDir\": \"/a/../b\""), "'WorkingDir'"},
		{CONFIG("\"ExposedPorts\": {\"0/tcp\": {}}"), "'ExposedPorts'"},
		{CONFIG("\"ExposedPorts\": {\"80/tcp;x\": {}}"), "'ExposedPorts'"},
		{CONFIG("\"StopSignal\": \"SIGNONE\""), "'StopSignal'"},
		{CONFIG("\"Labels\": {\"a\": 1}"), "'Labels'"},
		{CONFIG("\"Healthcheck\": {\"Interval\": -1}"), "'Interval'"},
		{CONFIG("\"Cmd\": [\"a\"], \"Cmd\": [\"b\"]"), "duplicate"},
		{CONFIG("\"Cmd\": [\"a\\u0000b\"]"), "\\u0000"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error err = ERROR_INIT;
		_cleanup_image_ struct image im;
		if (read_config(bad[i].text, &im, &err) == 0)
			fail_msg("was taken: %s", bad[i].text);
		if (!strstr(err.message, bad[i].why))
			fail_msg("'%s' is not in: %s", bad[i].why, err.message);
	}
}

static void lists(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"{}",
		"{\"schemaVersion\": 1}",
		"{\"schemaVersion\": 2, \"manifests\": [{\"digest\": \"sha256:x\", \"size\": 1}]}",
		"{\"schemaVersion\": 2, \"manifests\": [{\"digest\": \"sha256:" HEX
		"\", \"size\": -1}]}",
		"{\"schemaVersion\": 2, \"config\": {\"digest\": \"sha256:" HEX "\", \"size\": 1}}",
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error err = ERROR_INIT;
		_cleanup_oci_list_ struct oci_list l = {0};
		if (ocidoc_list(bad[i], strlen(bad[i]), &l, &err) == 0)
			fail_msg("was taken: %s", bad[i]);
	}
	static const char two[] =
		"[{\"Config\": \"a\", \"RepoTags\": [\"x:1\"], \"Layers\": []},"
		" {\"Config\": \"b\", \"RepoTags\": [\"x:2\"], \"Layers\": [\"l\"]}]";
	struct error err = ERROR_INIT;
	_cleanup_docker_entry_ struct docker_entry e = {NULL, STRVEC_INIT, STRVEC_INIT};
	assert_int_equal(ocidoc_docker(two, strlen(two), NULL, &e, &err), -1);
	assert_non_null(strstr(err.message, "x:1, x:2"));
	assert_int_equal(ocidoc_docker(two, strlen(two), "x:3", &e, &err), -1);
	assert_int_equal(ocidoc_docker(two, strlen(two), "x:2", &e, &err), 0);
	assert_string_equal(e.config, "b");
	assert_string_equal(e.layers.v[0], "l");
}

/* Names inside an archive. */
static void names(void **state)
{
	(void)state;
	static const struct {
		const char *name, *link, *result;
	} cases[] = {
		{"a/b", NULL, "a/b"},
		{"./a//./b/", NULL, "a/b"},
		{"a/../b", NULL, "b"},
		{"../a", NULL, NULL},
		{"a/../../b", NULL, NULL},
		{"/a", NULL, NULL},
		{"x/layer.tar", "../y/layer.tar", "y/layer.tar"},
		{"x/layer.tar", "../../y", NULL},
		{"x/layer.tar", "/etc/passwd", NULL},
		{"top", "other", "other"},
		{".", NULL, ""},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *is = parcel_resolve(cases[i].name, cases[i].link);
		if (!str_equal(is, cases[i].result))
			fail_msg("%s: %s", cases[i].name, is ? is : "refused");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_as_it_says),
		cmocka_unit_test(signals),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(lists),
		cmocka_unit_test(names),
	};
	return cmocka_run_group_tests_name("ocidoc", tests, NULL, NULL);
}
