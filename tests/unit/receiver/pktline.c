// SPDX-License-Identifier: MIT
#include "receiver/pktline.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"

/* A descriptor from which TEXT can be read. */
static int feed(const char *text, size_t len)
{
	struct error err = ERROR_INIT;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(file_write_all(ends[1], text, len, &err), 0);
	close(ends[1]);
	return ends[0];
}

static void reads_what_it_wrote(void **state)
{
	_cleanup_strbuf_ struct strbuf wire = STRBUF_INIT;
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	struct error err = ERROR_INIT;
	enum pktline_kind kind;

	(void)state;
	assert_int_equal(pktline_addf(&wire, &err, "ok %s", "refs/heads/main"), 0);
	assert_int_equal(pktline_add(&wire, "a\0b\n", 4, &err), 0);
	pktline_add_flush(&wire);
	assert_memory_equal(wire.data, "0016ok refs/heads/main", 22);
	_cleanup_close_ int fd = feed(wire.data, wire.len);
	assert_int_equal(pktline_read(fd, &kind, &line, &err), 0);
	assert_int_equal(kind, PKTLINE_DATA);
	assert_string_equal(line.data, "ok refs/heads/main");
	assert_int_equal(pktline_read(fd, &kind, &line, &err), 0);
	assert_int_equal(line.len, 3);
	assert_memory_equal(line.data, "a\0b", 4);
	assert_int_equal(pktline_read(fd, &kind, &line, &err), 0);
	assert_int_equal(kind, PKTLINE_FLUSH);
	assert_int_equal(pktline_read(fd, &kind, &line, &err), 0);
	assert_int_equal(kind, PKTLINE_END);
}

static void refuses_malformed_packets(void **state)
{
	static const char *const cases[] = {"0001", "0003", "00zz",   "fff1",
					    "-004", "000",  "0008abc"};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
		_cleanup_close_ int fd = feed(cases[i], strlen(cases[i]));
		struct error err = ERROR_INIT;
		enum pktline_kind kind;
		assert_int_equal(pktline_read(fd, &kind, &line, &err), -1);
		assert_int_equal(err.code, ERROR_INVALID);
	}
}

static void refuses_to_write_too_much(void **state)
{
	_cleanup_strbuf_ struct strbuf wire = STRBUF_INIT;
	_cleanup_free_ char *data = xcalloc(1, PKTLINE_MAX + 1);
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(pktline_add(&wire, data, PKTLINE_MAX + 1, &err), -1);
	assert_int_equal(wire.len, 0);
	assert_int_equal(pktline_add(&wire, data, PKTLINE_MAX, &err), 0);
	assert_int_equal(wire.len, PKTLINE_MAX + 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_it_wrote),
		cmocka_unit_test(refuses_malformed_packets),
		cmocka_unit_test(refuses_to_write_too_much),
	};
	return cmocka_run_group_tests_name("receiver/pktline", tests, NULL, NULL);
}
