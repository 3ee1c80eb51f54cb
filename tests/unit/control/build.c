/* SPDX-License-Identifier: MIT */
/* Builds' rows, their settings, and the copying process. */
#include "control/build.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/buildset.h"
#include "control/schema.h"
#include "control/tee.h"
#include "tests/unit/control/fixture.h"

static int setup(void **state)
{
	struct fixture *f = fixture_make("[build]\nparallel = 2\n");
	struct error err = ERROR_INIT;
	assert_int_equal(app_create(&f->c.db, "one", &f->app, &err), 0);
	*state = f;
	return 0;
}

static void add_row(struct fixture *f, const char *status)
{
	struct error err = ERROR_INIT;
	assert_int_equal(db_run(&f->c.db, &err,
				"INSERT INTO builds (app, kind, status, user, created_at)"
				" VALUES (?, 'push', ?, 'anna', 1)",
				"is", f->app.id, status),
			 0);
}

static void test_position(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	struct build_row *rows = NULL;
	size_t n = 0;
	add_row(f, "building");
	add_row(f, "queued");
	add_row(f, "queued");
	assert_int_equal(build_list(&f->c, f->app.id, NULL, NULL, &rows, &n, &err), 0);
	assert_int_equal(n, 3);
	assert_int_equal(rows[0].position, 2);
	assert_int_equal(rows[1].position, 1);
	assert_int_equal(rows[2].position, 0);
	for (size_t i = 0; i < n; i++)
		build_row_release(&rows[i]);
	free(rows);
	assert_int_equal(build_list(&f->c, f->app.id, "queued", "push", &rows, &n, &err), 0);
	assert_int_equal(n, 2);
	for (size_t i = 0; i < n; i++)
		build_row_release(&rows[i]);
	free(rows);
}

/* What the state was like before a build's kind said how its source came. */
static void test_old_kinds(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	struct build_row row = {0};
	_cleanup_free_ char *path = instance_lib(&f->inst, "old");
	_cleanup_free_ char *file = instance_lib(&f->inst, "old/berth.db");
	struct instance old = {.lib = path};
	struct context c = {.inst = &old};
	sqlite3 *db;
	int n = 0;
	assert_int_equal(file_make_dirs(path, 0750, &err), 0);
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	for (; !strstr(schema_migrations[n], "DROP COLUMN kind"); n++)
		assert_int_equal(sqlite3_exec(db, schema_migrations[n], NULL, NULL, NULL), 0);
	_cleanup_free_ char *rows = xasprintf(
		"PRAGMA user_version = %d;"
		"INSERT INTO apps (name, range, created_at) VALUES ('one', 1, 1);"
		"INSERT INTO builds (app, kind, source, status, user, created_at, finished_at)"
		" VALUES (1, 'build', 'folder', 'failed', 'anna', 2, 3)",
		n);
	assert_int_equal(sqlite3_exec(db, rows, NULL, NULL, NULL), 0);
	sqlite3_close(db);
	assert_int_equal(db_open(&c.db, &old, &err), 0);
	assert_int_equal(build_find(&c, &f->app, 1, &row, &err), 0);
	assert_string_equal(row.kind, "up");
	assert_int_equal(row.finished_at, 3);
	build_row_release(&row);
	db_close(&c.db);
}

static void test_reap(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	struct build_row row = {0};
	_cleanup_free_ char *locks = instance_run(&f->inst, "locks");
	_cleanup_free_ char *note = instance_run(&f->inst, "locks/build-2");
	add_row(f, "building");
	add_row(f, "queued");
	assert_int_equal(file_make_dirs(locks, 0750, &err), 0);
	assert_int_equal(file_replace(AT_FDCWD, note, "cancelled by bob", 16, 0640, &err), 0);
	assert_int_equal(build_reap(&f->c, &err), 0);
	assert_int_equal(build_find(&f->c, &f->app, 1, &row, &err), 0);
	assert_string_equal(row.status, "failed");
	assert_string_equal(row.reason, "berthd ended");
	build_row_release(&row);
	assert_int_equal(build_find(&f->c, &f->app, 0, &row, &err), 0);
	assert_int_equal(row.id, 2);
	assert_string_equal(row.status, "cancelled");
	assert_string_equal(row.reason, "cancelled by bob");
	assert_true(build_is_finished(&row));
	build_row_release(&row);
	assert_int_equal(access(note, F_OK), -1);
	assert_int_equal(build_find(&f->c, &f->app, 7, &row, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
}

static void test_prune(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	struct build_row *rows = NULL;
	size_t n = 0;
	for (int i = 0; i < 5; i++)
		add_row(f, "queued");
	assert_int_equal(build_reap(&f->c, &err), 0);
	add_row(f, "building");
	assert_int_equal(buildset_set(&f->c, f->app.id, "retention", "2", &err), 0);
	assert_int_equal(build_prune(&f->c, f->app.id, &err), 0);
	assert_int_equal(build_list(&f->c, 0, NULL, NULL, &rows, &n, &err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(rows[0].id, 6);
	assert_int_equal(rows[1].id, 5);
	for (size_t i = 0; i < n; i++)
		build_row_release(&rows[i]);
	free(rows);
}

static void test_settings(void **state)
{
	static const struct {
		const char *key, *value;
		unsigned long long expected; /* 0: refused */
	} cases[] = {
		{"memory", "512", 512ull << 20},
		{"memory", "2g", 2ull << 30},
		{"memory", "65536k", 64ull << 20},
		{"memory", "1", 0},
		{"memory", "2x", 0},
		{"memory", "", 0},
		{"memory", "-1", 0},
		{"memory", "g", 0},
		{"memory", "99999999999999999999g", 0},
		{"cpu", "1.5", 1500},
		{"cpu", "0.25", 250},
		{"cpu", "1.", 0},
		{"cpu", "1.2345", 0},
		{"cpu", ".5", 0},
		{"cpu", "4000", 0},
		{"time", "60", 60},
		{"time", "5", 0},
		{"pids", "100m", 0},
	};
	struct error err = ERROR_INIT;
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct buildset_row *row;
		unsigned long long n = 0;
		assert_int_equal(buildset_find(cases[i].key, &row, &err), 0);
		int got = buildset_parse(row, cases[i].value, &n, &err);
		if (got != (cases[i].expected ? 0 : -1) || n != cases[i].expected)
			fail_msg("%s %s: %d %llu", cases[i].key, cases[i].value, got, n);
	}
	const struct buildset_row *row;
	assert_int_equal(buildset_find("nope", &row, &err), -1);
	assert_int_equal(err.code, ERROR_USAGE);
}

static void note_lost(void *data)
{
	const char *path = data;
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

/* What a session prints arrives, and is in the log whole, or with its middle cut. */
static void test_tee(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	_cleanup_free_ char *out = xasprintf("%s/out", f->root);
	_cleanup_free_ char *log = xasprintf("%s/log", f->root);
	_cleanup_free_ char *lost = xasprintf("%s/lost", f->root);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int to = open(out, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int keep = open(log, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	struct tee t = TEE_INIT;
	assert_int_equal(tee_start(&t, &to, 1, keep, note_lost, lost, &err), 0);
	assert_int_equal(file_write_all(to, "begin\n", 6, &err), 0);
	char block[65536];
	memset(block, 'x', sizeof(block));
	for (size_t sent = 0; sent < TEE_HEAD + (1u << 20); sent += sizeof(block))
		assert_int_equal(file_write_all(to, block, sizeof(block), &err), 0);
	assert_int_equal(file_write_all(to, "end\n", 4, &err), 0);
	tee_end(&t, false);
	tee_end(&t, false);
	assert_int_equal(access(lost, F_OK), -1);
	assert_int_equal(lseek(to, 0, SEEK_END), 6 + TEE_HEAD + (1u << 20) + 4);
	assert_int_equal(file_read(AT_FDCWD, log, 64u << 20, &text, &err), 0);
	assert_true(text.len < TEE_HEAD + TEE_TAIL + 100);
	assert_int_equal(strncmp(text.data, "begin\n", 6), 0);
	assert_string_equal(text.data + text.len - 5, "xend\n");
	assert_non_null(strstr(text.data, "\n       [...]\n"));
	close(to);
	close(keep);
}

/* A session that dies takes nothing with it. */
static void test_tee_lost(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	_cleanup_free_ char *log = xasprintf("%s/log", f->root);
	_cleanup_free_ char *lost = xasprintf("%s/lost", f->root);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	pid_t pid = fork();
	if (pid == 0) {
		int to = open("/dev/null", O_WRONLY | O_CLOEXEC);
		int keep = open(log, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		struct tee t = TEE_INIT;
		if (tee_start(&t, &to, 1, keep, note_lost, lost, &err) < 0 ||
		    write(to, "last words\n", 11) != 11)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	for (int i = 0; i < 100 && access(lost, F_OK) < 0; i++)
		usleep(50000);
	assert_int_equal(access(lost, F_OK), 0);
	assert_int_equal(file_read(AT_FDCWD, log, 100, &text, &err), 0);
	assert_string_equal(text.data, "last words\n");
}

/* What a build printed must not drive the terminal of who looks at it later. */
static void test_output(void **state)
{
	static const char said[] = "-----> Build \033[31mred\033[0m\r\n\033]52;c;ZXZpbA==\a"
				   "\xc2\x9b\0 caf\xc3\xa9";
	struct fixture *f = *state;
	struct error err = ERROR_INIT;
	struct build_row row = {0};
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_free_ char *folder = xasprintf("%s/build-logs", f->root);
	_cleanup_free_ char *log = xasprintf("%s/1.log", folder);
	_cleanup_free_ char *out = xasprintf("%s/out", f->root);
	add_row(f, "failed");
	assert_int_equal(file_make_dirs(folder, 0755, &err), 0);
	assert_int_equal(file_replace(AT_FDCWD, log, said, sizeof(said) - 1, 0644, &err), 0);
	assert_int_equal(build_find(&f->c, &f->app, 1, &row, &err), 0);
	FILE *before = f->c.out;
	f->c.out = fopen(out, "w");
	assert_non_null(f->c.out);
	assert_int_equal(build_output(&f->c, &row, false, &err), 0);
	fclose(f->c.out);
	f->c.out = before;
	build_row_release(&row);
	assert_int_equal(file_read(AT_FDCWD, out, 1000, &text, &err), 0);
	assert_string_equal(text.data, "-----> Build \033[31mred\033[0m\r\n"
				       "\\x1b]52;c;ZXZpbA==\\x07\\xc2\\x9b? caf\xc3\xa9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_position, setup, fixture_drop),
		cmocka_unit_test_setup_teardown(test_old_kinds, setup, fixture_drop),
		cmocka_unit_test_setup_teardown(test_reap, setup, fixture_drop),
		cmocka_unit_test_setup_teardown(test_prune, setup, fixture_drop),
		cmocka_unit_test(test_settings),
		cmocka_unit_test_setup_teardown(test_output, setup, fixture_drop),
		cmocka_unit_test_setup_teardown(test_tee, setup, fixture_drop),
		cmocka_unit_test_setup_teardown(test_tee_lost, setup, fixture_drop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
