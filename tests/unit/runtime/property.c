/* SPDX-License-Identifier: MIT */
/* What systemd is told: limits as files of cgroup version 2 have them, and annotations. */
#include "runtime/property.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

/* As "NAME TYPE VALUE", a line for each. */
static void properties_are(const struct properties *p, const char *expected)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	for (size_t i = 0; i < p->n; i++) {
		const struct property *one = &p->v[i];
		const unsigned char *bytes = one->bytes;
		strbuf_addf(&text, "%s %s", one->name, one->type);
		if (one->texts.n || !strcmp(one->type, "as")) {
			for (size_t k = 0; k < one->texts.n; k++)
				strbuf_addf(&text, " '%s'", one->texts.v[k]);
		} else if (one->type[0] == 'a') {
			for (size_t k = 0; k < one->size; k++)
				strbuf_addf(&text, " %02x", bytes[k]);
		} else if (one->type[0] == 't') {
			strbuf_addf(&text, " %llu", (unsigned long long)one->number);
		} else {
			strbuf_addf(&text, " %lld", (long long)one->number);
		}
		strbuf_addstr(&text, "\n");
	}
	assert_string_equal(text.data, expected);
}

static void limit_is(const char *file, const char *value, const char *expected)
{
	_cleanup_properties_ struct properties p = PROPERTIES_INIT;
	_cleanup_free_ char *copy = xstrdup(value);
	struct hierarchy_write w = {.value = copy};
	snprintf(w.file, sizeof(w.file), "%s", file);
	properties_limits(&p, &w, 1);
	properties_are(&p, expected);
}

static void limits(void **state)
{
	(void)state;
	limit_is("memory.max", "67108864", "MemoryMax t 67108864\n");
	limit_is("memory.max", "max", "MemoryMax t 18446744073709551615\n");
	limit_is("memory.swap.max", "0", "MemorySwapMax t 0\n");
	limit_is("memory.low", "4096", "MemoryLow t 4096\n");
	limit_is("memory.high", "4096", "MemoryHigh t 4096\n");
	limit_is("pids.max", "33", "TasksMax t 33\n");
	limit_is("cpu.weight", "79", "CPUWeight t 79\n");
	limit_is("io.weight", "default 10", "IOWeight t 10\n");
	/* a third of a processor is rounded up to what systemd does not round down */
	limit_is("cpu.max", "50000 100000",
		 "CPUQuotaPerSecUSec t 500000\nCPUQuotaPeriodUSec t 100000\n");
	limit_is("cpu.max", "33333 100000",
		 "CPUQuotaPerSecUSec t 340000\nCPUQuotaPeriodUSec t 100000\n");
	limit_is("cpu.max", "max 50000",
		 "CPUQuotaPerSecUSec t 18446744073709551615\nCPUQuotaPeriodUSec t 50000\n");
	limit_is("cpu.max", "200000",
		 "CPUQuotaPerSecUSec t 2000000\nCPUQuotaPeriodUSec t 100000\n");
	limit_is("cpuset.cpus", "0", "AllowedCPUs ay 01\n");
	limit_is("cpuset.cpus", "0-3,9\n", "AllowedCPUs ay 0f 02\n");
	limit_is("cpuset.mems", "1", "AllowedMemoryNodes ay 02\n");
}

/* The kernel has the last word on those: they are in the file, and systemd hears nothing. */
static void leaves_out_what_it_cannot_say(void **state)
{
	static const char *const all[][2] = {
		{"memory.max", "0"},
		{"memory.max", "64M"},
		{"memory.max", "-1"},
		{"memory.max", ""},
		{"pids.max", "0"},
		{"pids.max", "1 2"},
		{"cpu.weight", "0"},
		{"cpu.weight", "10001"},
		{"cpu.max", ""},
		{"cpu.max", "1"},
		{"cpu.max", "50000 0"},
		{"cpu.max", "50000 1 2"},
		{"cpu.max", "18446744073709551615 100000"},
		{"cpuset.cpus", ""},
		{"cpuset.cpus", "3-1"},
		{"cpuset.cpus", "0-8192"},
		{"cpuset.cpus", "0,,1"},
		{"cpuset.cpus", "-1"},
		{"cpuset.cpus", "4294967296"},
		{"cpuset.mems", "a"},
		{"io.weight", "8:0 100"},
		{"memory.oom.group", "1"},
		{"hugetlb.2MB.max", "0"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		limit_is(all[i][0], all[i][1], "");
}

/* With another's annotation before it. */
static int annotate(struct properties *p, const char *name, const char *value, struct error *err)
{
	_cleanup_free_ char *key = xasprintf("org.systemd.property.%s", name);
	json_t *all = json_pack("{s:s, s:s}", "org.example", "x", key, value);
	assert_non_null(all);
	int result = properties_annotations(p, all, err);
	json_decref(all);
	return result;
}

static void annotation_is(const char *name, const char *value, const char *expected)
{
	_cleanup_properties_ struct properties p = PROPERTIES_INIT;
	struct error err = ERROR_INIT;
	if (annotate(&p, name, value, &err) < 0)
		fail_msg("'%s': %s", value, err.message);
	properties_are(&p, expected);
}

static void annotations(void **state)
{
	(void)state;
	annotation_is("TimeoutStopUSec", "uint64 5000000", "TimeoutStopUSec t 5000000\n");
	annotation_is("TimeoutStopSec", "uint64 5", "TimeoutStopUSec t 5000000\n");
	annotation_is("TimeoutStopSec", "5", "TimeoutStopUSec t 5000000\n");
	annotation_is("KillSignal", "37", "KillSignal i 37\n");
	annotation_is("OOMScoreAdjust", "-900", "OOMScoreAdjust i -900\n");
	annotation_is("X", "int64 -9223372036854775808", "X x -9223372036854775808\n");
	annotation_is("X", "uint64 18446744073709551615", "X t 18446744073709551615\n");
	annotation_is("X", "byte 255", "X y 255\n");
	annotation_is("SendSIGHUP", "true", "SendSIGHUP b 1\n");
	annotation_is("Description", "'it\\'s'", "Description s 'it's'\n");
	annotation_is("CollectMode", "\"inactive\"", "CollectMode s 'inactive'\n");
	annotation_is("After", "['a.service', \"b.service\"]",
		      "After as 'a.service' 'b.service'\n");
	annotation_is("After", "[]", "After as\n");
}

static void annotation_is_refused(const char *name, const char *value)
{
	_cleanup_properties_ struct properties p = PROPERTIES_INIT;
	struct error err = ERROR_INIT;
	if (annotate(&p, name, value, &err) == 0)
		fail_msg("'%s' '%s' was taken", name, value);
	assert_non_null(strstr(err.message, "annotation 'org.systemd.property."));
}

static void refuses_other_annotations(void **state)
{
	static const char *const values[] = {
		"",
		"x",
		"'",
		"'a",
		"'a' ",
		"\"a'",
		"[",
		"['a'",
		"['a' 'b']",
		"['a']x",
		"[1]",
		"2147483648",
		"- 1",
		"--1",
		"uint64 -1",
		"uint64",
		"uint64  1",
		"byte 256",
		"True",
		"1.5",
		"(1, 2)",
		"<1>",
		"@as []",
		"'a\\",
		"int16 -32769",
		"uint64 18446744073709551616",
	};
	static const char *const names[] = {"", "A-b", "A.b", "A b", "\xc3\xa4"};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		annotation_is_refused("X", values[i]);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		annotation_is_refused(names[i], "1");
	/* a time that does not fit */
	annotation_is_refused("TimeoutStopSec", "uint64 18446744073709551615");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits),
		cmocka_unit_test(leaves_out_what_it_cannot_say),
		cmocka_unit_test(annotations),
		cmocka_unit_test(refuses_other_annotations),
	};
	return cmocka_run_group_tests_name("property", tests, NULL, NULL);
}
