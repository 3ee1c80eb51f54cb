/* SPDX-License-Identifier: MIT */
/* Installing: what is taken, what is refused, and that a refusal leaves nothing. */
#include "plugins/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
/* after the three that it needs */
#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/fetch.h"
#include "plugins/index.h"
#include "base/untar.h"

#define YML "name: probe\nversion: 1\ncommands:\n  look: {}\n"

struct world {
	struct instance inst;
	char root[64];
};

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	struct error err = ERROR_INIT;

	memcpy(w->root, "/var/tmp/berth-unit-XXXXXX", sizeof("/var/tmp/berth-unit-XXXXXX"));
	if (!mkdtemp(w->root))
		return -1;
	/* the store uses only these of an instance, so no user needs to exist */
	w->inst.root = xstrdup(w->root);
	w->inst.lib = xasprintf("%s/lib", w->root);
	w->inst.share = xasprintf("%s/share", w->root);
	*state = w;
	return file_make_dirs(w->inst.lib, 0755, &err);
}

static int tear_down(void **state)
{
	struct world *w = *state;

	file_remove_tree(AT_FDCWD, w->root, NULL);
	instance_release(&w->inst);
	free(w);
	return 0;
}

/* An archive made entry by entry, as no tar(1) would make it. */
struct maker {
	struct archive *a;
	char *path;
};

static void maker_open(struct maker *m, struct world *w)
{
	m->path = xasprintf("%s/plugin.tar.gz", w->root);
	m->a = archive_write_new();
	archive_write_add_filter_gzip(m->a);
	archive_write_set_format_pax_restricted(m->a);
	assert_int_equal(archive_write_open_filename(m->a, m->path), ARCHIVE_OK);
}

static void add(struct maker *m, unsigned type, const char *path, const char *text, int mode)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, path);
	archive_entry_set_filetype(e, type);
	archive_entry_set_perm(e, (mode_t)mode);
	if (type == AE_IFLNK)
		archive_entry_set_symlink(e, text);
	else if (type == AE_IFREG && mode < 0)
		archive_entry_set_hardlink(e, text);
	else if (type == AE_IFREG)
		archive_entry_set_size(e, (la_int64_t)strlen(text));
	assert_int_equal(archive_write_header(m->a, e), ARCHIVE_OK);
	if (type == AE_IFREG && mode >= 0)
		archive_write_data(m->a, text, strlen(text));
	archive_entry_free(e);
}

static void add_plugin(struct maker *m, const char *top)
{
	_cleanup_free_ char *yml = xasprintf("%splugin.yml", top);
	_cleanup_free_ char *look = xasprintf("%scommands/look", top);

	add(m, AE_IFREG, yml, YML, 04777);
	add(m, AE_IFREG, look, "#!/bin/sh\n", 0700);
}

static int install(struct maker *m, struct world *w, struct error *err)
{
	struct plugin_install how = {0};
	_cleanup_close_ int fd = -1;
	int ret;

	archive_write_free(m->a);
	fd = open(m->path, O_RDONLY | O_CLOEXEC);
	ret = plugin_store_install_archive(&w->inst, fd, "test\n\033", &how, err);
	free(how.out_name);
	free(how.out_version);
	free(m->path);
	return ret;
}

/* The store holds nothing but its own files, the plugin NAME (NULL: none) apart. */
static void expect_only(struct world *w, const char *name)
{
	_cleanup_free_ char *path = instance_lib(&w->inst, "plugins");
	DIR *dir = opendir(path);

	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    strcmp(e->d_name, ".origin") != 0 && strcmp(e->d_name, ".disabled") != 0 &&
		    strcmp(e->d_name, ".index") != 0 && strcmp(e->d_name, ".lock") != 0 &&
		    !str_equal(e->d_name, name))
			fail_msg("left behind: %s", e->d_name);
	closedir(dir);
}

static void test_archive(void **state)
{
	struct world *w = *state;
	struct error err = ERROR_INIT;
	struct maker m;
	struct stat st;
	_cleanup_free_ char *look = instance_lib(&w->inst, "plugins/probe/commands/look");
	_cleanup_free_ char *yml = instance_lib(&w->inst, "plugins/probe/plugin.yml");
	_cleanup_plugin_list_ struct plugin_list list = PLUGIN_LIST_INIT;
	mode_t old = umask(077);

	maker_open(&m, w);
	add_plugin(&m, "./");
	add(&m, AE_IFLNK, "commands/also", "look", 0777);
	add(&m, AE_IFLNK, "commands/up", "../plugin.yml", 0777);
	if (install(&m, w, &err) < 0)
		fail_msg("%s", err.message);
	umask(old);
	assert_int_equal(stat(look, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(stat(yml, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	expect_only(w, "probe");
	assert_int_equal(plugin_store_list(&w->inst, &list, &err), 0);
	assert_int_equal(list.n, 1);
	assert_string_equal(list.items[0].origin, "test??");
	assert_true(list.items[0].enabled);
	/* twice is refused */
	maker_open(&m, w);
	add_plugin(&m, "");
	assert_int_equal(install(&m, w, &err), -1);
	assert_int_equal(err.code, ERROR_EXISTS);
	expect_only(w, "probe");
	assert_int_equal(plugin_store_uninstall(&w->inst, "probe", &err), 0);
	expect_only(w, NULL);
	/* with a folder around it */
	maker_open(&m, w);
	add_plugin(&m, "probe-1.0/");
	assert_int_equal(install(&m, w, &err), 0);
	expect_only(w, "probe");
}

static void test_hostile(void **state)
{
	static const struct {
		unsigned type;
		const char *path, *text;
		int mode;
	} bad[] = {
		{AE_IFREG, "../escape", "x", 0644},
		{AE_IFREG, "/tmp/escape", "x", 0644},
		{AE_IFREG, "a/../../escape", "x", 0644},
		{AE_IFREG, "new\nline", "x", 0644},
		{AE_IFLNK, "link", "/etc/passwd", 0777},
		{AE_IFLNK, "link", "../other", 0777},
		{AE_IFLNK, "commands/link", "../../other", 0777},
		{AE_IFLNK, "commands/link", "a/../../../x", 0777},
		{AE_IFREG, "hard", "plugin.yml", -1},
		{AE_IFIFO, "pipe", "", 0644},
		{AE_IFCHR, "device", "", 0644},
		{AE_IFBLK, "device", "", 0644},
		{AE_IFREG, "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", "x", 0644},
		{AE_IFREG, "plugin.yml", "again", 0644},
		{AE_IFREG, "plugin.yml/below", "x", 0644},
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error err = ERROR_INIT;
		struct maker m;

		maker_open(&m, w);
		add_plugin(&m, "");
		add(&m, bad[i].type, bad[i].path, bad[i].text, bad[i].mode);
		if (install(&m, w, &err) == 0)
			fail_msg("taken: '%s' -> '%s'", bad[i].path, bad[i].text);
		assert_true(err.message[0]);
		expect_only(w, NULL);
	}
	assert_false(file_exists(AT_FDCWD, "/tmp/escape"));
}

/* A write through a link that the archive brought earlier. */
static void test_through_link(void **state)
{
	struct world *w = *state;
	struct error err = ERROR_INIT;
	struct maker m;

	maker_open(&m, w);
	add_plugin(&m, "");
	add(&m, AE_IFDIR, "sub", "", 0755);
	add(&m, AE_IFLNK, "link", "sub", 0777);
	add(&m, AE_IFREG, "link/file", "x", 0644);
	assert_int_equal(install(&m, w, &err), -1);
	expect_only(w, NULL);
	/* a link to the top, and then the top is a folder below */
	maker_open(&m, w);
	add_plugin(&m, "top/");
	add(&m, AE_IFLNK, "top/link", "../x", 0777);
	assert_int_equal(install(&m, w, &err), -1);
	expect_only(w, NULL);
}

static void test_not_a_plugin(void **state)
{
	struct world *w = *state;
	struct error err = ERROR_INIT;
	struct maker m;

	maker_open(&m, w);
	add(&m, AE_IFREG, "README", "x", 0644);
	add(&m, AE_IFREG, "other", "x", 0644);
	assert_int_equal(install(&m, w, &err), -1);
	assert_non_null(strstr(err.message, "plugin.yml"));
	maker_open(&m, w);
	add(&m, AE_IFREG, "plugin.yml", YML, 0644);
	add(&m, AE_IFREG, "commands/look", "x", 0644);
	assert_int_equal(install(&m, w, &err), -1);
	assert_non_null(strstr(err.message, "chmod +x"));
	maker_open(&m, w);
	add(&m, AE_IFREG, "plugin.yml", YML, 0644);
	add(&m, AE_IFLNK, "commands/look", "../plugin.yml", 0777);
	assert_int_equal(install(&m, w, &err), -1);
	expect_only(w, NULL);
}

static void run(const char *cwd, ...)
{
	_cleanup_child_ struct child c;
	struct error err = ERROR_INIT;
	va_list ap;

	child_init(&c);
	va_start(ap, cwd);
	for (const char *arg; (arg = va_arg(ap, const char *));)
		strvec_push(&c.argv, arg);
	va_end(ap);
	strvec_push(&c.env, "GIT_AUTHOR_NAME=t");
	strvec_push(&c.env, "GIT_AUTHOR_EMAIL=t@example.com");
	strvec_push(&c.env, "GIT_COMMITTER_NAME=t");
	strvec_push(&c.env, "GIT_COMMITTER_EMAIL=t@example.com");
	c.cwd = cwd;
	if (child_run(&c, &err) < 0)
		fail_msg("%s", err.message);
}

static void test_git(void **state)
{
	struct world *w = *state;
	_cleanup_free_ char *repo = xasprintf("%s/repo", w->root);
	_cleanup_free_ char *url = xasprintf("file://%s", repo);
	_cleanup_free_ char *yml = xasprintf("%s/plugin.yml", repo);
	_cleanup_free_ char *file = xasprintf("%s/commands/look", repo);
	_cleanup_plugin_list_ struct plugin_list list = PLUGIN_LIST_INIT;
	struct plugin_install how = {0}, update = {0}, again = {0};
	struct error err = ERROR_INIT;
	bool changed = false;

	run("/", "git", "init", "-q", "-b", "main", repo, NULL);
	run(repo, "mkdir", "commands", NULL);
	assert_int_equal(file_replace(AT_FDCWD, yml, YML, strlen(YML), 0644, &err), 0);
	assert_int_equal(file_replace(AT_FDCWD, file, "#!/bin/sh\n", 10, 0755, &err), 0);
	assert_int_equal(chmod(file, 0755), 0);
	run(repo, "git", "add", "-A", NULL);
	run(repo, "git", "commit", "-q", "-m", "one", NULL);
	run(repo, "git", "tag", "v1", NULL);
	if (plugin_store_install_git(&w->inst, url, NULL, &how, &err) < 0)
		fail_msg("%s", err.message);
	free(how.out_name);
	free(how.out_version);
	expect_only(w, "probe");
	/* nothing new */
	assert_int_equal(plugin_store_update(&w->inst, "probe", NULL, &update, &changed, &err), 0);
	assert_false(changed);
	assert_int_equal(file_replace(AT_FDCWD, yml, "name: probe\nversion: 2\n", 23, 0644, &err),
			 0);
	run(repo, "git", "commit", "-q", "-a", "-m", "two", NULL);
	if (plugin_store_update(&w->inst, "probe", NULL, &update, &changed, &err) < 0)
		fail_msg("%s", err.message);
	assert_true(changed);
	assert_string_equal(update.out_version, "2");
	free(update.out_name);
	free(update.out_version);
	expect_only(w, "probe");
	if (plugin_store_update(&w->inst, "probe", "v1", &again, &changed, &err) < 0)
		fail_msg("%s", err.message);
	assert_string_equal(again.out_version, "1");
	free(again.out_name);
	free(again.out_version);
	assert_int_equal(plugin_store_update(&w->inst, "probe", "nothing", &again, &changed, &err),
			 -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(plugin_store_list(&w->inst, &list, &err), 0);
	assert_string_equal(list.items[0].origin, url);
	assert_int_equal(strlen(list.items[0].commit), 40);
	expect_only(w, "probe");
}

static void test_names(void **state)
{
	(void)state;
	assert_int_equal(untar_link_depth("a/b/link", "../../x"), 0);
	assert_int_equal(untar_link_depth("a/b/link", "c/../x"), -1);
}

static void test_bundled(void **state)
{
	struct world *w = *state;
	_cleanup_free_ char *folder = xasprintf("%s/plugins/probe/commands", w->inst.share);
	_cleanup_free_ char *yml = xasprintf("%s/plugins/probe/plugin.yml", w->inst.share);
	_cleanup_free_ char *look = xasprintf("%s/look", folder);
	struct error err = ERROR_INIT;
	struct maker m;

	assert_int_equal(file_make_dirs(folder, 0755, &err), 0);
	assert_int_equal(file_replace(AT_FDCWD, yml, YML, strlen(YML), 0644, &err), 0);
	assert_int_equal(file_replace(AT_FDCWD, look, "#!/bin/sh\n", 10, 0755, &err), 0);
	assert_int_equal(chmod(look, 0755), 0);
	maker_open(&m, w);
	add_plugin(&m, "");
	assert_int_equal(install(&m, w, &err), -1);
	assert_non_null(strstr(err.message, "comes with Berth"));
	assert_int_equal(plugin_store_uninstall(&w->inst, "probe", &err), -1);
	for (int enable = 0; enable < 2; enable++) {
		_cleanup_plugin_index_ struct plugin_index index = PLUGIN_INDEX_INIT;

		assert_int_equal(plugin_store_enable(&w->inst, "probe", enable, &err), 0);
		assert_int_equal(plugin_index_load(&w->inst, &index, &err), 0);
		assert_int_equal(index.n, enable);
	}
	assert_int_equal(plugin_store_enable(&w->inst, "../probe", true, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_archive, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hostile, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_through_link, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_a_plugin, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_git, set_up, tear_down),
		cmocka_unit_test(test_names),
		cmocka_unit_test_setup_teardown(test_bundled, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
