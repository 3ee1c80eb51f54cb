// SPDX-License-Identifier: MIT
#include "receiver/relay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

/* TEXT in pieces of SIZE bytes; gives how often the refusal was seen. */
static int pass(const char *text, size_t len, size_t size)
{
	_cleanup_relay_ struct relay r = {.from = -1};
	struct error err = ERROR_INIT;
	_cleanup_free_ char *got = xcalloc(len, 1);
	int in[2], out[2], seen = 0;

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	r.from = in[0];
	for (size_t at = 0; at < len; at += size) {
		size_t n = len - at < size ? len - at : size;
		assert_int_equal(write(in[1], text + at, n), n);
		seen += relay_read(&r);
		assert_int_equal(r.len, n);
		assert_int_equal(relay_write(&r, out[1], &err), 0);
		assert_int_equal(r.len, 0);
		assert_int_equal(read(out[0], got + at, n), n);
	}
	assert_memory_equal(got, text, len);
	close(in[1]);
	assert_false(relay_read(&r));
	assert_int_equal(r.from, -1);
	close(out[0]);
	assert_int_equal(relay_write(&(struct relay){.len = 1}, -1, &err), -1);
	close(out[1]);
	return seen;
}

static void sees_the_refusal_in_any_pieces(void **state)
{
	static const char text[] = "0030\1000eunpack ok\n003ang refs/heads/main shallow update not "
				   "allowed\n0000\0more shallow update not allowed";

	(void)state;
	for (size_t size = 1; size < sizeof(text); size++)
		assert_int_equal(pass(text, sizeof(text), size), 1);
}

static void sees_none_in_others(void **state)
{
	static const char text[] = "shallow update not alloweshallow update not \0allowed\n";
	_cleanup_strbuf_ struct strbuf large = STRBUF_INIT;

	(void)state;
	for (size_t size = 1; size < sizeof(text); size++)
		assert_int_equal(pass(text, sizeof(text), size), 0);
	for (int i = 0; i < 10000; i++)
		strbuf_addstr(&large, "shallow update");
	assert_int_equal(pass(large.data, large.len, RELAY_BLOCK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sees_the_refusal_in_any_pieces),
		cmocka_unit_test(sees_none_in_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
