/* SPDX-License-Identifier: MIT */
#include "router/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void expect(const char *raw, const char *shown)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	line_render(raw, &out);
	assert_string_equal(out.data, shown);
}

#define RAW(path, dyno, connect, service)                                                          \
	"1764288000.123 method=GET path=" path " host=a.test request_id=4f fwd=::1 dyno=" dyno     \
	" connect=" connect " service=" service " status=200 bytes=180 protocol=http"
#define SHOWN(path, dyno, connect, service)                                                        \
	"2025-11-28T00:00:00.123000Z berth[router]: method=GET path=\"" path                       \
	"\" host=a.test request_id=4f fwd=\"::1\" dyno=" dyno " connect=" connect                  \
	" service=" service " status=200 bytes=180 protocol=http"

static void test_shown(void **state)
{
	(void)state;
	expect(RAW("/", "a.web.1", "0.000", "0.012"), SHOWN("/", "a.web.1", "0ms", "12ms"));
	expect(RAW("/", "a.web.1", "1.004", "61.000"), SHOWN("/", "a.web.1", "1004ms", "61000ms"));
	/* no backend: a page, or a request that was held */
	expect(RAW("/", "", "-", "0.000"), SHOWN("/", "-", "0ms", "0ms"));
	/* several were tried */
	expect(RAW("/", "a.web.2", "-, 0.003", "0.004"), SHOWN("/", "a.web.2", "3ms", "4ms"));
	expect(RAW("/", "a.web.2", "0.003, -", "0.004"), SHOWN("/", "a.web.2", "3ms", "4ms"));
	expect(RAW("/", "a.web.2", "0.001, 0.002 : -", "0.004"),
	       SHOWN("/", "a.web.2", "2ms", "4ms"));
}

/* A client has the path, and can write what looks like another field there. */
static void test_forged(void **state)
{
	(void)state;
	expect(RAW("/?\"\\\x9b&host=b&dyno=c&connect=9.999&service=9.999", "a.web.1", "0.000",
		   "0.012"),
	       SHOWN("/?\\x22\\x5C\\x9B&host=b&dyno=c&connect=9.999&service=9.999", "a.web.1",
		     "0ms", "12ms"));
	expect("\x1b[2Jnothing\xc2\x9b", "\\x1B[2Jnothing\\xC2\\x9B");
	const char *split = "1764288000.123 method=GET path=/ dyno=c host=a.test request_id=4f";
	expect(split, split);
}

static void test_left_alone(void **state)
{
	static const char *const lines[] = {
		"",
		"1764288000",
		"1764288000.12",
		"1764288000.123 method=GET path=/",
		"1764288000.123 method=GET path=/ host=a request_id=4f fwd=::1 dyno=b "
		"connect=0.000 service=-",
		"99999999999999999999.123 method=GET",
		SHOWN("/", "a.web.1", "0ms", "12ms"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		expect(lines[i], lines[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shown),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
