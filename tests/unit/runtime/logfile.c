/* SPDX-License-Identifier: MIT */
#include "runtime/logfile.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

static char dir[] = "/var/tmp/berth-logfile-XXXXXX";

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return file_remove_tree(AT_FDCWD, dir, NULL);
}

static void open_log(struct logfile *lf, const char *app, uint64_t max)
{
	struct error err = ERROR_INIT;

	if (logfile_open(lf, dir, app, "web.1", max, getgid(), &err) < 0)
		fail_msg("%s", err.message);
}

static void slurp(const char *app, const char *name, struct strbuf *out)
{
	_cleanup_free_ char *path = xasprintf("%s/%s/%s", dir, app, name);

	strbuf_reset(out);
	file_read(AT_FDCWD, path, 64u << 20, out, NULL);
}

/* Without the times, which are checked for their shape. */
static void strip_times(struct strbuf *sb)
{
	struct strbuf out = STRBUF_INIT;

	for (char *p = sb->data; *p;) {
		char *nl = strchr(p, '\n');

		assert_non_null(nl);
		assert_true(nl - p > 28 && p[4] == '-' && p[10] == 'T' && p[19] == '.' &&
			    p[26] == 'Z' && p[27] == ' ');
		strbuf_add(&out, p + 28, (size_t)(nl - p) - 27);
		p = nl + 1;
	}
	strbuf_release(sb);
	*sb = out;
}

static void test_lines(void **state)
{
	struct logfile lf;
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	(void)state;
	open_log(&lf, "lines", 0);
	logfile_feed(&lf, "one\ntw", 6);
	logfile_feed(&lf, "o\r\n\n", 4);
	logfile_feed(&lf, "a\x01\x7f\tb\033[0m\0c\n", 12);
	logfile_say(&lf, "State changed from %s to %s", "starting", "up");
	logfile_feed(&lf, "unfinished", 10);
	logfile_finish(&lf);
	logfile_close(&lf);
	slurp("lines", "web.1.log", &sb);
	strip_times(&sb);
	assert_string_equal(sb.data, "app[web.1]: one\napp[web.1]: two\napp[web.1]: \n"
				     "app[web.1]: a??\tb\033[0m?c\n"
				     "berth[web.1]: State changed from starting to up\n"
				     "app[web.1]: unfinished\n");
}

static void feed_in_pieces(struct logfile *lf, const char *data, size_t len, size_t piece)
{
	for (size_t at = 0; at < len; at += piece)
		logfile_feed(lf, data + at, len - at < piece ? len - at : piece);
}

/* Long lines are split at the same places however they arrive, and a newline just at the limit
 * makes no empty line. */
static void test_split(void **state)
{
	static const size_t pieces[] = {1, 7, 9999, 10000, 10001, 16384};
	static const size_t lengths[] = {9999, 10000, 10001, 20000, 25000};

	(void)state;
	for (size_t p = 0; p < ARRAY_SIZE(pieces); p++) {
		struct logfile lf;
		_cleanup_strbuf_ struct strbuf in = STRBUF_INIT, out = STRBUF_INIT;
		_cleanup_strbuf_ struct strbuf want = STRBUF_INIT;
		_cleanup_free_ char *app = xasprintf("split%zu", p);

		for (size_t l = 0; l < ARRAY_SIZE(lengths); l++) {
			for (size_t i = 0; i < lengths[l]; i++) {
				if (i % LOGFILE_LINE_MAX == 0)
					strbuf_addstr(&want, i ? "\napp[web.1]: " : "app[web.1]: ");
				strbuf_addch(&in, (char)('a' + i % 26));
				strbuf_addch(&want, (char)('a' + i % 26));
			}
			strbuf_addch(&in, '\n');
			strbuf_addch(&want, '\n');
		}
		open_log(&lf, app, 0);
		feed_in_pieces(&lf, in.data, in.len, pieces[p]);
		logfile_close(&lf);
		slurp(app, "web.1.log", &out);
		strip_times(&out);
		assert_string_equal(out.data, want.data);
	}
}

static void test_flood(void **state)
{
	struct logfile a, b;
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	unsigned long last = 0;
	uint64_t total = 0;

	(void)state;
	open_log(&a, "flood", 100000);
	open_log(&b, "flood", 100000);
	for (unsigned long i = 1; i <= 50000; i++) {
		char line[32];
		int n = snprintf(line, sizeof(line), "%lu\n", i);

		/* two writers, as during a deploy: neither loses the file to the other's rotation
		 */
		logfile_feed(i % 1000 < 500 ? &a : &b, line, (size_t)n);
		if (i % 500 == 499) {
			logfile_flush(&a);
			logfile_flush(&b);
		}
	}
	logfile_close(&a);
	logfile_close(&b);
	for (int k = LOGFILE_KEPT; k >= 0; k--) {
		_cleanup_free_ char *name = xasprintf(k ? "web.1.log.%d" : "web.1.log", k);

		slurp("flood", name, &sb);
		assert_true(sb.len > 0 && sb.len <= 100000);
		total += sb.len;
		strip_times(&sb);
		for (char *p = sb.data; *p; p = strchr(p, '\n') + 1) {
			unsigned long now = strtoul(p + strlen("app[web.1]: "), NULL, 10);

			if (last && now != last + 1)
				fail_msg("%lu came after %lu", now, last);
			last = now;
		}
	}
	assert_int_equal(last, 50000);
	assert_true(total <= 600000);
	slurp("flood", "web.1.log.6", &sb);
	assert_int_equal(sb.len, 0);
}

static void test_no_links(void **state)
{
	struct logfile lf;
	struct error err = ERROR_INIT;
	_cleanup_free_ char *app = xasprintf("%s/link", dir);
	_cleanup_free_ char *file = xasprintf("%s/file/web.1.log", dir);
	_cleanup_free_ char *folder = xasprintf("%s/file", dir);

	(void)state;
	assert_int_equal(symlink("/tmp", app), 0);
	assert_int_equal(logfile_open(&lf, dir, "link", "web.1", 0, getgid(), &err), -1);
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_int_equal(symlink("/tmp/berth-must-not-appear", file), 0);
	assert_int_equal(logfile_open(&lf, dir, "file", "web.1", 0, getgid(), &err), -1);
	assert_int_equal(access("/tmp/berth-must-not-appear", F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines), cmocka_unit_test(test_split),
		cmocka_unit_test(test_flood), cmocka_unit_test(test_no_links)};

	return cmocka_run_group_tests(tests, setup, teardown);
}
