/* SPDX-License-Identifier: MIT */
/* A shim's status as shims of other versions write it, and as nobody writes it. */
#include "runtime/status.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "tests/unit/runtime/instance.h"

#define HEAD 16
#define TAIL 8

static int folder = -1;
static unsigned char file[4096 + HEAD];
static size_t file_size;

static const struct container_status sample = {
	.id = "a1.web.1",
	.label = "p 1 2 3 web 1",
	.state = CONTAINER_RUNNING,
	.pid = 4,
	.shim = 5,
	.shim_start = 6,
	.address = "10.209.0.7",
	.restarts = 8,
	.pids_limit = 9,
	.health = HEALTH_HEALTHY,
	.health_text = "fine",
};

static int setup(void **state)
{
	(void)state;
	if (fixture_open(&fx) < 0)
		return -1;
	_cleanup_free_ char *path = instance_run(&fx.inst, "containers/a1.web.1");
	if (file_make_dirs(path, 0755, NULL) < 0)
		return -1;
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return folder < 0;
}

static int teardown(void **state)
{
	(void)state;
	folder = close_fd(folder);
	return fixture_close(&fx);
}

/* Writes the sample and gives its bytes in `file`. */
static void write_sample(void)
{
	unlinkat(folder, "status", 0);
	assert_int_equal(status_write(folder, &sample, NULL), 0);
	_cleanup_close_ int fd = openat(folder, "status", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, file, sizeof(file));
	assert_true(n > HEAD + TAIL);
	file_size = (size_t)n;
}

/* Puts N bytes of `file` into its place, with their number in its head. */
static void put(size_t n)
{
	uint32_t size = (uint32_t)n;
	memcpy(file + 4, &size, sizeof(size));
	_cleanup_close_ int fd = openat(folder, "status", O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(write(fd, file, n), (ssize_t)n);
}

static void is_sample(void)
{
	struct container_status s;
	struct error err = ERROR_INIT;
	if (status_read(&fx.inst, sample.id, &s, &err) < 0)
		fail_msg("%s", err.message);
	assert_string_equal(s.id, sample.id);
	assert_string_equal(s.label, sample.label);
	assert_string_equal(s.address, sample.address);
	assert_int_equal(s.state, sample.state);
	assert_int_equal(s.pid, sample.pid);
	assert_int_equal(s.shim, sample.shim);
	assert_int_equal(s.shim_start, sample.shim_start);
	assert_int_equal(s.restarts, sample.restarts);
	assert_int_equal(s.pids_limit, sample.pids_limit);
}

static void is_damaged(void)
{
	struct container_status s;
	struct error err = ERROR_INIT;
	assert_int_equal(status_read(&fx.inst, sample.id, &s, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
}

static void reads_what_was_written(void **state)
{
	(void)state;
	write_sample();
	is_sample();
}

static void reads_a_newer_shims(void **state)
{
	(void)state;
	for (size_t more = 8; more <= 1024; more *= 2) {
		write_sample();
		memmove(file + file_size - TAIL + more, file + file_size - TAIL, TAIL);
		memset(file + file_size - TAIL, 0xa5, more);
		put(file_size + more);
		is_sample();
	}
}

static void reads_an_older_shims(void **state)
{
	(void)state;
	write_sample();
	/* one that knew of no health */
	size_t less = HEAD + offsetof(struct container_status, health) + TAIL;
	struct container_status s;
	struct error err = ERROR_INIT;
	memmove(file + less - TAIL, file + file_size - TAIL, TAIL);
	put(less);
	is_sample();
	assert_int_equal(status_read(&fx.inst, sample.id, &s, &err), 0);
	assert_int_equal(s.health, HEALTH_NONE);
	assert_string_equal(s.health_text, "");
}

static void refuses_the_rest(void **state)
{
	(void)state;
	write_sample();
	/* shorter than any version wrote it */
	size_t less = HEAD + offsetof(struct container_status, pids_limit) + TAIL;
	memmove(file + less - TAIL, file + file_size - TAIL, TAIL);
	put(less);
	is_damaged();
	/* cut */
	write_sample();
	_cleanup_close_ int fd = openat(folder, "status", O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, (off_t)file_size - TAIL), 0);
	is_damaged();
	/* one that is being written */
	write_sample();
	file[file_size - TAIL]++;
	put(file_size);
	is_damaged();
	/* somebody else's */
	write_sample();
	file[0]++;
	put(file_size);
	is_damaged();
	/* without an end */
	write_sample();
	memset(file + file_size, 0, sizeof(file) - file_size);
	put(sizeof(file));
	is_damaged();
}

/* In a list, between others. */
static void understands_other_versions(void **state)
{
	(void)state;
	struct container_status other = sample, s;
	_cleanup_strbuf_ struct strbuf one = STRBUF_INIT, list = STRBUF_INIT;
	struct wire_reader r;
	snprintf(other.id, sizeof(other.id), "b1.web.1");
	status_encode(&sample, &one);
	/* a newer one's, an older one's, and our own */
	_cleanup_free_ char *fields = xmalloc(one.len + 8);
	memcpy(fields, one.data + 4, one.len - 4);
	memset(fields + one.len - 4, 0xa5, 8);
	wire_put_bytes(&list, fields, one.len - 4 + 8);
	wire_put_bytes(&list, fields, one.len - 4 - 48);
	status_encode(&other, &list);
	wire_put_bytes(&list, fields, 2);
	wire_reader_init(&r, list.data, list.len);
	for (int i = 0; i < 2; i++) {
		status_decode(&r, &s);
		assert_string_equal(s.id, sample.id);
		assert_int_equal(s.pids_limit, sample.pids_limit);
		assert_string_equal(s.health_text, sample.health_text);
	}
	status_decode(&r, &s);
	assert_string_equal(s.id, "b1.web.1");
	assert_false(r.bad);
	status_decode(&r, &s);
	assert_true(r.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_what_was_written, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_a_newer_shims, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_an_older_shims, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_the_rest, setup, teardown),
		cmocka_unit_test(understands_other_versions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
