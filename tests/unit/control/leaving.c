/* SPDX-License-Identifier: MIT */
/* Containers on their way out count for as long as somebody sees to them. */
#include "control/leaving.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"

static void assert_leaving(const struct instance *inst, int64_t app, const char *want)
{
	struct error err = ERROR_INIT;
	struct strvec ids = STRVEC_INIT;
	assert_int_equal(leaving_list(inst, app, &ids, &err), 0);
	assert_int_equal(ids.n, want ? 1 : 0);
	if (want)
		assert_string_equal(ids.v[0], want);
	strvec_release(&ids);
}

static void count(int64_t app, void *data)
{
	int64_t *sum = data;
	*sum += app;
}

/* The sum of the apps that have containers without a keeper */
static int64_t forsaken(const struct instance *inst)
{
	struct error err = ERROR_INIT;
	int64_t sum = 0;
	assert_int_equal(leaving_forsaken(inst, count, &sum, &err), 0);
	return sum;
}

static void test_leaving(void **state)
{
	(void)state;
	char root[] = "/var/tmp/berth-unit.XXXXXX";
	assert_non_null(mkdtemp(root));
	struct instance inst = {.run = root};
	struct error err = ERROR_INIT;
	struct strvec ids = STRVEC_INIT;
	int one = -1, other = -1;
	char *path = NULL, *others = NULL;
	assert_leaving(&inst, 1, NULL);
	strvec_push(&ids, "web.abc");
	assert_int_equal(leaving_mark(&inst, 1, &ids, &one, &path, &err), 0);
	assert_int_equal(leaving_mark(&inst, 11, &ids, &other, &others, &err), 0);
	assert_leaving(&inst, 1, "web.abc");
	/* the copy that a fork has counts too */
	int copy = dup(one);
	close_fd(one);
	assert_leaving(&inst, 1, "web.abc");
	assert_int_equal(forsaken(&inst), 0);
	close_fd(copy);
	assert_leaving(&inst, 1, NULL);
	assert_leaving(&inst, 11, "web.abc");
	/* its keeper has gone, and did not say that they ended: that is told once */
	assert_int_equal(forsaken(&inst), 1);
	assert_int_equal(forsaken(&inst), 0);
	assert_int_equal(unlink(others), 0);
	close_fd(other);
	assert_int_equal(forsaken(&inst), 0);
	free(path);
	free(others);
	strvec_release(&ids);
	assert_int_equal(file_remove_tree(AT_FDCWD, root, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leaving),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
