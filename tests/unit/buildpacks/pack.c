/* SPDX-License-Identifier: MIT */
#include "buildpacks/pack.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "buildpacks/composite.h"
#include "buildpacks/layerset.h"

/* The real packs, from the source tree, in an instance that is only a share folder. */
struct fixture {
	char *folder, *app;
	struct instance inst;
	int dirfd;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	char template[] = "/var/tmp/berth-unit-XXXXXX";
	char cwd[4096];
	assert_non_null(mkdtemp(template));
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	f->folder = xstrdup(template);
	f->app = xasprintf("%s/app", f->folder);
	f->inst.share = xasprintf("%s/share", f->folder);
	assert_int_equal(mkdir(f->inst.share, 0755), 0);
	assert_int_equal(mkdir(f->app, 0755), 0);
	_cleanup_free_ char *from = xasprintf("%s/buildpacks", cwd);
	_cleanup_free_ char *to = xasprintf("%s/buildpacks", f->inst.share);
	assert_int_equal(symlink(from, to), 0);
	f->dirfd = open(f->app, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	close_fd(f->dirfd);
	assert_int_equal(file_remove_tree(AT_FDCWD, f->folder, NULL), 0);
	free(f->folder);
	free(f->app);
	free(f->inst.share);
	free(f);
	return 0;
}

static void put(struct fixture *f, const char *name, const char *text)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", f->app, name);
	char *slash = strrchr(path, '/');
	*slash = '\0';
	assert_int_equal(file_make_dirs(path, 0755, NULL), 0);
	*slash = '/';
	assert_int_equal(file_replace(AT_FDCWD, path, text, strlen(text), 0644, NULL), 0);
}

static void expect(struct fixture *f, const struct strvec *configured, const char *names)
{
	_cleanup_packs_ struct packs packs = PACKS_INIT;
	_cleanup_strbuf_ struct strbuf got = STRBUF_INIT;
	struct pack_place at = {&f->inst, f->dirfd, -1, -1};
	struct error err = ERROR_INIT;
	if (packs_choose(&packs, &at, configured, NULL, &err) < 0)
		fail_msg("%s", err.message);
	for (size_t i = 0; i < packs.n; i++)
		strbuf_addf(&got, "%s%s", i > 0 ? " " : "", packs.v[i].name);
	assert_string_equal(got.data, names);
}

static void expect_error(struct fixture *f, const struct strvec *configured, enum error_code code,
			 const char *part)
{
	_cleanup_packs_ struct packs packs = PACKS_INIT;
	struct pack_place at = {&f->inst, f->dirfd, -1, -1};
	struct error err = ERROR_INIT;
	assert_int_equal(packs_choose(&packs, &at, configured, NULL, &err), -1);
	assert_int_equal(err.code, code);
	if (!strstr(err.message, part))
		fail_msg("'%s' is not in '%s'", part, err.message);
}

static void test_detection(void **state)
{
	struct fixture *f = *state;
	expect_error(f, NULL, ERROR_INVALID, "no buildpack fits");
	put(f, "public/index.html", "");
	expect(f, NULL, "static");
	put(f, "Procfile", "web: x\n");
	expect(f, NULL, "procfile");
	put(f, "static.json", "{}");
	expect(f, NULL, "static");
	/* a Makefile alone is anybody's */
	put(f, "Makefile", "");
	expect(f, NULL, "static");
	put(f, "src/main.c", "");
	expect(f, NULL, "c");
	put(f, "Cargo.toml", "");
	expect(f, NULL, "rust");
	put(f, "requirements.txt", "");
	expect(f, NULL, "python");
	put(f, "package.json", "{}");
	expect(f, NULL, "nodejs");
}

static void test_patterns(void **state)
{
	struct fixture *f = *state;
	put(f, "lib/shop.jar", "");
	expect_error(f, NULL, ERROR_INVALID, "no buildpack fits");
	put(f, ".hidden.jar", "");
	expect_error(f, NULL, ERROR_INVALID, "no buildpack fits");
	put(f, "shop.jar", "");
	expect(f, NULL, "java");
}

static void test_order_of_wishes(void **state)
{
	struct fixture *f = *state;
	_cleanup_strvec_ struct strvec configured = STRVEC_INIT;
	put(f, "package.json", "{}");
	put(f, "app.json", "{\"buildpacks\": [{\"url\": \"heroku/python\"}]}");
	expect(f, NULL, "python");
	put(f, "project.toml",
	    "[[io.buildpacks.pre.group]]\nid = 'heroku/go'\n"
	    "[[io.buildpacks.post.group]]\nid = 'static'\n");
	expect(f, NULL, "go python static");
	put(f, "app.json", "{}");
	expect(f, NULL, "go nodejs static");
	put(f, "packs/mine/buildpack.toml", "");
	put(f, "project.toml",
	    "[[io.buildpacks.group]]\nuri = 'packs/mine'\n"
	    "[[io.buildpacks.group]]\nid = 'x/script'\n"
	    "script = { api = '0.10', inline = 'true' }\n"
	    "[[io.buildpacks.post.group]]\nid = 'static'\n");
	expect(f, NULL, "./packs/mine x/script");
	put(f, ".buildpacks", "# two\n\n static \nheroku/nodejs\r\n");
	expect(f, &configured, "static nodejs");
	strvec_push(&configured, "multi");
	expect(f, &configured, "static nodejs");
	strvec_push(&configured, "procfile");
	expect(f, &configured, "static nodejs procfile");
}

static void test_refusals(void **state)
{
	struct fixture *f = *state;
	_cleanup_strvec_ struct strvec one = STRVEC_INIT;
	strvec_push(&one, "../nodejs");
	expect_error(f, &one, ERROR_NOT_FOUND,
		     "there is no buildpack '../nodejs'; use the address of one, or one of ");
	put(f, ".buildpacks", "https://example.com/pack.git#--upload-pack=x\n");
	expect_error(f, NULL, ERROR_INVALID, "is no branch, tag or commit");
	put(f, ".buildpacks", "ext::sh://x\n");
	expect_error(f, NULL, ERROR_INVALID, "is no address of a git repository");
	put(f, ".buildpacks", "file:///srv/pack\n");
	expect_error(f, NULL, ERROR_DENIED, "not by the app");
	put(f, ".buildpacks", "https://me:secret@example.com/pack.tgz\n");
	expect_error(f, NULL, ERROR_INVALID, "holds a password");
	put(f, ".buildpacks", "./src/../..\n");
	expect_error(f, NULL, ERROR_INVALID, "is no folder of the app");
	put(f, ".buildpacks", "./src\n");
	expect_error(f, NULL, ERROR_INVALID, "neither bin/compile nor a buildpack.toml");
	put(f, ".buildpacks", "multi\n");
	expect_error(f, NULL, ERROR_INVALID, "lists the multi buildpack");
	put(f, ".buildpacks", "");
	put(f, "app.json", "{");
	expect_error(f, NULL, ERROR_INVALID, "app.json line 1");
}

static void test_links_are_not_followed(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *link = xasprintf("%s/.buildpacks", f->app);
	put(f, "Procfile", "web: x\n");
	assert_int_equal(symlink("/etc/hostname", link), 0);
	expect_error(f, NULL, ERROR_INVALID, "'.buildpacks' is a symbolic link");
}

static void test_configuration(void **state)
{
	struct fixture *f = *state;
	_cleanup_packs_ struct packs packs = PACKS_INIT;
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	struct pack_place at = {&f->inst, f->dirfd, -1, -1};
	struct error err = ERROR_INIT;
	assert_int_equal(pack_names(&f->inst, &names, &err), 0);
	for (size_t i = 0; i < names.n; i++)
		if (packs_add(&packs, &at, names.v[i], false, &err) < 0)
			fail_msg("%s", err.message);
	struct pack node = packs.v[0];
	for (size_t i = 0; i < packs.n; i++)
		if (strcmp(packs.v[i].name, "nodejs") == 0)
			node = packs.v[i];
	assert_string_equal(node.title, "Node.js");
	assert_string_equal(node.path, "/packs/nodejs");
	assert_string_equal(node.runtime, "bin/runtime");
	assert_true(strvec_has(&node.packages, "nodejs"));
	assert_true(strvec_has(&node.inputs, "package-lock.json"));
	assert_int_equal(strlen(node.hash), 32);
	for (size_t i = 0; i < packs.n; i++)
		if (strcmp(packs.v[i].name, "go") == 0) {
			assert_true(strvec_has(&packs.v[i].build_packages, "golang-go"));
			assert_int_equal(packs.v[i].packages.n, 0);
		}
	assert_string_equal(names.v[names.n - 1], "procfile");
	assert_true(packs.v[names.n - 1].nothing);
	assert_false(node.nothing);
}

/* Of the bundled packs that a composite one lists, those that may serve the app are made ready. */
static void test_composite(void **state)
{
	struct fixture *f = *state;
	_cleanup_packs_ struct packs packs = PACKS_INIT;
	struct pack_place at = {&f->inst, f->dirfd, -1, -1};
	struct error err = ERROR_INIT;
	put(f, "package.json", "{}");
	put(f, "Procfile", "web: x");
	put(f, "p/buildpack.toml",
	    "[[order]]\n[[order.group]]\nid = 'x/inner'\n"
	    "[[order.group]]\nid = 'heroku/procfile'\n");
	put(f, "p/a/b/buildpack.toml",
	    "[buildpack]\nid = 'x/inner'\n[[order]]\n"
	    "[[order.group]]\nid = 'heroku/nodejs'\n"
	    "[[order.group]]\nid = 'heroku/go'\n");
	put(f, "p/c/buildpack.toml", "[buildpack]\nid = 'heroku/procfile'\n");
	put(f, "p/d/buildpack.toml", "[[");
	if (packs_add(&packs, &at, "./p", false, &err) < 0)
		fail_msg("%s", err.message);
	assert_true(packs.v[0].cnb);
	assert_int_equal(packs.v[0].members.n, 1);
	assert_string_equal(packs.v[0].members.v[0].name, "nodejs");
}

/* Looking through a folder that lists very much ends early. */
static void test_composite_bounds(void **state)
{
	struct fixture *f = *state;
	_cleanup_strvec_ struct strvec ids = STRVEC_INIT;
	for (int file = 0; file < 3; file++) {
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
		_cleanup_free_ char *name = xasprintf("p%d/buildpack.toml", file);
		strbuf_addstr(&text, "[[order]]\n");
		for (int i = 0; i < 700; i++)
			strbuf_addf(&text, "[[order.group]]\nid = 'x/%d-%d'\n", file, i);
		put(f, file ? name : "buildpack.toml", text.data);
	}
	composite_missing(f->dirfd, &ids);
	assert_int_equal(ids.n, 1000);
}

static void test_aptfile(void **state)
{
	_cleanup_strvec_ struct strvec names = STRVEC_INIT;
	struct error err = ERROR_INIT;
	(void)state;
	assert_int_equal(
		layerset_parse_aptfile("# c\n imagemagick \n\nlibpq5\r\nlibpq5\n", &names, &err),
		0);
	assert_int_equal(names.n, 2);
	assert_string_equal(names.v[0], "imagemagick");
	static const char *const wrong[] = {"-oDebug=1",   "a b",     "https://x/y.deb",
					    ":repo:deb x", "pkg=1.0", "Upper",
					    "x",           "../x"};
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(layerset_parse_aptfile(wrong[i], &names, &err), -1);
		assert_non_null(strstr(err.message, "Aptfile line 1"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_detection, setup, teardown),
		cmocka_unit_test_setup_teardown(test_patterns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order_of_wishes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links_are_not_followed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_configuration, setup, teardown),
		cmocka_unit_test_setup_teardown(test_composite, setup, teardown),
		cmocka_unit_test_setup_teardown(test_composite_bounds, setup, teardown),
		cmocka_unit_test(test_aptfile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
